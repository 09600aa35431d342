// SPDX-License-Identifier: BSD-3-Clause
// The workers' pages summed up. Pages are written while we read: each number is right by itself.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/base/clock.hh"
#include "dataplane/steer/abi.h"
#include "dataplane/steer/latency.hh"

namespace fairlead::api {

/// The counters of a page by name: `show stats`, metrics.
#define FL_WORKER_COUNTERS(X) \
  X(rx_packets)               \
  X(rx_bytes)                 \
  X(tx_packets)               \
  X(tx_bytes)                 \
  X(punted)                   \
  X(answered)                 \
  X(hop_lists)                \
  X(mss_clamped)              \
  X(bursts)                   \
  X(busy_cycles)              \
  X(idle_cycles)              \
  X(flow_hits)                \
  X(flow_misses)              \
  X(flow_inserts)             \
  X(flow_inserts_refused)     \
  X(flows)                    \
  X(flood_bursts)             \
  X(decisions_logged)         \
  X(decisions_skipped)        \
  X(icmp_errors)              \
  X(icmp_errors_unknown)      \
  X(fragments_first)          \
  X(fragments_later)          \
  X(fragments_waited)         \
  X(quic_named)               \
  X(quic_moved)

struct NamedCounter {
  std::string_view name;
  std::uint64_t value;
};

/// In the order of FL_WORKER_COUNTERS, then "flow_" and the name of each flow event, then
/// "dropped", the sum of the page's drops.
std::vector<NamedCounter> counters_of(const fl_worker_page& page);
/// Those of a vip, in the order of the struct, events by their names.
std::vector<NamedCounter> counters_of(const fl_vip_counters& vip);
std::uint64_t dropped(const fl_worker_page& page);
/// rx - tx - punted - answered - drops: 0 between bursts, or the law is broken.
std::int64_t residue(const fl_worker_page& page);

struct BackendSum {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t flows_begun = 0;
  std::uint64_t flows_completed = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t ejections = 0;
  unsigned ejected_by = 0;  // workers that leave it out, but for a trial
};
BackendSum backend_sum(const fl_workers& workers, std::uint32_t backend);

/// A vip's counters summed over the workers.
fl_vip_counters vip_sum(const fl_workers& workers, std::uint32_t vip);
/// Entries of a vip in the flow table now: inserts less what has left.
std::uint64_t flows_of(const fl_vip_counters& vip);

struct FlowEvent {
  std::string_view name;  // "evicted_new"
  std::string_view text;
};
/// By enum fl_flow_event.
std::span<const FlowEvent> flow_events();

/// The latency histograms of all workers in one, and what it says: since they began.
steer::LatencyCounts latency_counts(const fl_workers& workers);
steer::Latency latency(const fl_workers& workers);

/// Forwarding latency of the last interval, by worker and of the node: what an operator and the
/// monitoring update want to know, which a histogram since the start hides. One thread.
class LatencyWindow {
 public:
  /// Call often: takes a new interval every kPeriod.
  void look(const fl_workers& workers, base::Nanoseconds now);
  [[nodiscard]] const steer::Latency& node() const { return node_; }
  /// Without samples for workers that are not there.
  [[nodiscard]] steer::Latency worker(std::size_t number) const {
    return number < workers_.size() ? workers_[number] : steer::Latency{};
  }
  static constexpr base::Nanoseconds kPeriod = base::kSecond;

 private:
  base::Nanoseconds taken_ = 0;
  std::vector<steer::LatencyDeltas> deltas_;
  std::vector<steer::Latency> workers_;
  steer::Latency node_;
};

/// Pages in use, by a worker or by the gate; at most FL_MAX_WORKERS whatever the region says.
std::span<const fl_worker_page> pages(const fl_workers& workers);

}  // namespace fairlead::api
