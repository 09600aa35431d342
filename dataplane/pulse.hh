// SPDX-License-Identifier: BSD-3-Clause
// What a worker did in the last second, from its page's counters.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/steer/abi.h"
#include "dataplane/steer/latency.hh"

namespace fairlead::dataplane {

/// Differences between two looks at a page. Main thread only.
class Pulse {
 public:
  /// Call once a second. `hz`: of the cycle counters.
  void take(const fl_worker_page& page, std::uint64_t hz) {
    const auto busy = static_cast<double>(page.busy_cycles - busy_);
    const auto idle = static_cast<double>(page.idle_cycles - idle_);
    const auto packets = static_cast<double>(page.rx_packets - packets_);
    busy_share_ = busy + idle > 0 ? busy / (busy + idle) : 0;
    pps_ = busy + idle > 0 ? packets * static_cast<double>(hz) / (busy + idle) : 0;
    cycles_per_packet_ = packets > 0 ? busy / packets : 0;
    busy_ = page.busy_cycles;
    idle_ = page.idle_cycles;
    packets_ = page.rx_packets;
    latency_ = steer::summarize(histogram_.since_last(page.latency));
  }
  [[nodiscard]] double busy_share() const { return busy_share_; }
  [[nodiscard]] double pps() const { return pps_; }
  [[nodiscard]] double cycles_per_packet() const { return cycles_per_packet_; }
  [[nodiscard]] const steer::Latency& latency() const { return latency_; }

 private:
  std::uint64_t busy_ = 0;
  std::uint64_t idle_ = 0;
  std::uint64_t packets_ = 0;
  double busy_share_ = 0;
  double pps_ = 0;
  double cycles_per_packet_ = 0;
  steer::LatencyDeltas histogram_;
  steer::Latency latency_;
};

}  // namespace fairlead::dataplane
