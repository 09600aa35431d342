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

/// Takes an ended flow out of its backend's in-flight count (only new and confirmed flows are in
/// it).
void note_ended(WorkerContext& context, const flow::EndedFlow& ended);

inline bool is_plain_syn(std::uint8_t tcp_flags) {
  return (tcp_flags & (net::kTcpSyn | net::kTcpAck)) == net::kTcpSyn;
}

}  // namespace fairlead::path
