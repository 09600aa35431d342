// SPDX-License-Identifier: BSD-3-Clause
// From when on a packet's time in the node is counted.
#pragma once

#include <algorithm>
#include <cstdint>

namespace fairlead::dataplane {

/// When a packet came into its queue nobody knows, but it came after the poll before the one that
/// found it. While a worker polls as it should, that is microseconds and not counted. One that was
/// away (no core to run on, stopped, busy with a new table) finds packets that may have waited all
/// that time: they are counted as if they had. Times in TSC cycles.
class PollGap {
 public:
  /// `usual`: gaps up to this are no stall: the longest idle sleep, and a millisecond to wake up.
  explicit PollGap(std::uint64_t usual) : usual_(usual) {}

  /// A turn has ended that began at `begin`: all of its polls came later.
  void polled(std::uint64_t begin) { polled_ = begin; }

  /// From when on packets count that a poll found at `received`.
  [[nodiscard]] std::uint64_t counted_from(std::uint64_t received) const {
    const std::uint64_t gap = received - polled_;
    return gap <= usual_ ? received : received - std::min(gap, kMost);
  }

  static constexpr std::uint64_t kMost = std::uint64_t{1} << 31;  // 0.8 s at 2.6 GHz

 private:
  std::uint64_t usual_;
  std::uint64_t polled_ = 0;
};

}  // namespace fairlead::dataplane
