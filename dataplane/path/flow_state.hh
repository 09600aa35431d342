// SPDX-License-Identifier: BSD-3-Clause
// What a packet does to the entry of its flow, seen from the client's side only.
#pragma once

#include "dataplane/flow/flow_table.hh"
#include "dataplane/net/wire.hh"
#include "dataplane/path/burst.hh"
#include "dataplane/path/context.hh"

namespace fairlead::path {

enum class Hit : std::uint8_t {
  kKept,      // burst.member[i] and chosen[i] are set
  kReleased,  // the entry is gone: decide anew
  kForeign,   // a false match of the digest: decide without the flow table
};

/// Applies packet i to the entry at `at`, which find() returned for its hash. kReleased sets
/// burst.retried[i] when the old backend failed to answer. State diagram: docs/data-path.md.
Hit apply_packet(WorkerContext& context, Burst& burst, unsigned i, flow::Position at);

/// Protocol of a member's vip, for the flow table's time-outs. Unknown numbers count as TCP.
inline auto protocol_of(const steer::TableView& table) {
  return [&table](std::uint32_t member) -> std::uint8_t {
    return member < table.member_count() ? table.member(member).protocol : std::uint8_t{6};
  };
}

/// Counts one event of a flow of this vip number.
inline void count_event(fl_worker_page& page, std::uint32_t vip, fl_flow_event event) {
  ++page.flow_events[event];
  ++page.vips[vip].events[event];
}

/// An entry left the table: counts `event`, and takes an open flow out of its backend's in-flight
/// count.
void note_ended(WorkerContext& context, const flow::EndedFlow& ended, fl_flow_event event);

/// The event of an entry in this state that gave way, and of one that expired.
inline fl_flow_event eviction_of(flow::FlowState state) {
  return static_cast<fl_flow_event>(FL_EVENT_EVICTED_NEW + (static_cast<int>(state) - FL_FLOW_NEW));
}
inline fl_flow_event expiry_of(flow::FlowState state) {
  return static_cast<fl_flow_event>(FL_EVENT_EXPIRED_NEW + (static_cast<int>(state) - FL_FLOW_NEW));
}
static_assert(FL_EVENT_EVICTED_ADOPTED - FL_EVENT_EVICTED_NEW == FL_FLOW_ADOPTED - FL_FLOW_NEW);
static_assert(FL_EVENT_EXPIRED_ADOPTED - FL_EVENT_EXPIRED_NEW == FL_FLOW_ADOPTED - FL_FLOW_NEW);

inline bool is_plain_syn(std::uint8_t tcp_flags) {
  return (tcp_flags & (net::kTcpSyn | net::kTcpAck)) == net::kTcpSyn;
}

}  // namespace fairlead::path
