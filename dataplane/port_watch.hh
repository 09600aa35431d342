// SPDX-License-Identifier: BSD-3-Clause
// Notices when a port goes wrong: link lost, packets missed, reception standing still.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/base/clock.hh"

namespace fairlead::dataplane {

/// A port's counters, summed over its devices, and its link.
struct PortCounters {
  std::uint64_t rx_packets = 0;
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_packets = 0;
  std::uint64_t tx_bytes = 0;
  std::uint64_t missed = 0;
  std::uint64_t errors = 0;
  std::uint64_t no_buffer = 0;
  bool link_up = true;
  bool present = true;  // false: the device or interface has gone away
};

/// Looks at a port's counters once a second and says what an operator should know, once for each
/// change and, for what goes on, at most once a minute. Pure.
class PortWatch {
 public:
  /// Seconds of missing while nothing is received that make a stall.
  static constexpr unsigned kStallSeconds = 3;
  static constexpr base::Nanoseconds kRepeat = 60 * base::kSecond;

  /// What there is to say, "" for nothing. `now` rises.
  std::string look(const PortCounters& counters, base::Nanoseconds now);

  [[nodiscard]] std::uint64_t stalls() const { return stalls_; }
  [[nodiscard]] std::uint64_t link_changes() const { return link_changes_; }
  /// Packets missed in the last second.
  [[nodiscard]] std::uint64_t missing() const { return missing_; }

 private:
  PortCounters last_;
  bool first_ = true;
  unsigned still_ = 0;  // seconds in a row that packets were missed and none received
  std::uint64_t stalls_ = 0;
  std::uint64_t link_changes_ = 0;
  std::uint64_t missing_ = 0;
  base::Nanoseconds told_ = 0;  // of missing
};

}  // namespace fairlead::dataplane
