// SPDX-License-Identifier: BSD-3-Clause
// What a worker hands to the stages: its table, its flows, its counters, the time, the next hops.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/base/clock.hh"
#include "dataplane/flow/flow_table.hh"
#include "dataplane/net/addr.hh"
#include "dataplane/net/outer_policy.hh"
#include "dataplane/path/decision_sink.hh"
#include "dataplane/path/fragment_table.hh"
#include "dataplane/path/peers.hh"
#include "dataplane/path/sink.hh"
#include "dataplane/path/waiting_room.hh"
#include "dataplane/steer/abi.h"
#include "dataplane/steer/drop_reasons.h"
#include "dataplane/steer/table_view.hh"

namespace fairlead::path {

/// Layer 2 towards the backends, filled by the process. Zero MAC: not resolved (packets that need
/// it are dropped with no_next_hop).
struct NextHops {
  net::MacAddr own;          // source MAC of what we send
  net::MacAddr gateway4;     // next hop of tunnels over IPv4
  net::MacAddr gateway6;     // next hop of tunnels over IPv6
  std::uint32_t mtu = 1500;  // largest IP packet the port sends
  /// L2 direct return: MACs by backend number, for members whose own `mac` is zero. May be empty.
  std::span<const net::MacAddr> backend_macs;
};

/// Meter of entries: flood mode is when flows come faster than the table's limit.
struct NewFlowMeter {
  std::int64_t credit = 0;  // in nanoseconds x flows per second
  base::Nanoseconds updated = 0;
  bool flooded = false;
};

/// Flows whose packets came to another worker until now (docs/dataplane-process.md, "Workers that
/// come and go"): where to look for them. For a while after queues have changed hands, a flow that
/// the own table does not know is looked for in the others'.
struct Inheritance {
  std::uint64_t hash = 0;    // the flow
  std::uint32_t worker = 0;  // whose table had it
};
struct Relatives {
  std::span<const flow::FlowTable> tables = {};  // by worker; for reading only, their owners write
  std::uint64_t former = 0;                      // bit w: look into tables[w]; 0: nowhere
  base::Nanoseconds until = 0;             // then former becomes 0: what is left there is too old
  Sink<Inheritance>* inherited = nullptr;  // tells the former owner that it may forget the flow
  /// What flows are to be forgotten (path/flow_flush.hh), as far as this worker has begun with it;
  /// null: no such orders. The others say on their pages, by worker, how far they are.
  const fl_flow_order* order = nullptr;
  std::span<const fl_worker_page> pages = {};
};

/// A worker's memory of fragments: 130 KiB.
struct FragmentMemory {
  FragmentTable table;
  WaitingRoom waiting;
  base::Nanoseconds looked_ns = 0;  // when who waits was last compared with the peers' tables
};

/// One worker's state. Owned and used by one thread. Before the first burst the process sets
/// `page`, `flows` (attached), `fragments` and `hops`; per burst it sets `now` and, when the
/// generation changed, calls use_table().
struct WorkerContext {
  steer::TableView table;  // not valid(): nothing published yet
  flow::FlowTable flows;
  fl_worker_page* page = nullptr;
  const fl_scores* scores = nullptr;  // null: members' own weights, local counts only
  unsigned worker = 0;                // row of scores->score
  base::Nanoseconds now = 0;          // CLOCK_MONOTONIC, read once per burst
  NextHops hops;
  DecisionSink* decisions = nullptr;  // null: no log
  Relatives relatives;
  FragmentMemory* fragments = nullptr;  // required
  Peers* peers = nullptr;               // null: no other worker
  std::uint32_t buffer_bytes = 0;       // of a packet's buffer, headroom included; 0: unknown

  // --- kept by the stages ---
  flow::IdleLimits limits;
  NewFlowMeter new_flows;      // SYNs, first UDP packets
  NewFlowMeter adoptions;      // TCP in mid-life: its flood leaves new flows alone
  NewFlowMeter long_lists;     // packets with more hops than clients are told of
  net::OuterPolicy outer;      // of the table in force
  std::uint16_t outer_id = 0;  // IPv4 identification of the next tunnel packet without DF
  bool clamps_mss = false;     // some vip of the table has an MSS
  NewFlowMeter icmp_errors;    // own ICMP errors
  NewFlowMeter icmp_echoes;    // echo replies
  bool counted = false;        // in_flight agrees with `flows`
};

/// Puts a generation in force from the next burst on. With the first valid one it also rebuilds
/// page->flows and every backend's in_flight from the flow table, so that a restarted worker's
/// counts are right even if the last process was killed between two stores (reads the whole flow
/// table once: about 10 ms for 128 MiB).
void use_table(WorkerContext& context, const steer::TableView& table);

/// A packet that the pipeline forwarded but the port did not take (tx_full), or that a stage punted
/// and the way to the kernel refused (punt_full, no_punt). Keeps the law
/// rx_packets == tx_packets + punted + answered + sum(drops).
inline void count_late_drop(fl_worker_page& page, fl_reason reason) {
  ++page.drops[reason];
}
/// An answer (see steer::Verdict::kAnswer) that the port did not take.
inline void count_answer_failed(fl_worker_page& page, fl_reason reason) {
  --page.answered;
  ++page.drops[reason];
}
inline void count_punt_failed(fl_worker_page& page, fl_reason reason) {
  --page.punted;
  ++page.drops[reason];
}

}  // namespace fairlead::path
