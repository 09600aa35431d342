// SPDX-License-Identifier: BSD-3-Clause
// From when on a packet's time in the node is counted.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

namespace fairlead::dataplane {

/// When a packet came into its queue nobody knows, but it came after the last turn whose polls
/// emptied the queues. While a worker polls as it should, that is microseconds and not counted. One
/// that was away (no core to run on, stopped, busy with a new table) finds packets that may have
/// waited all that time: they are counted as if they had, until a turn finds no queue full any
/// more, at most as many turns as a ring has bursts. Times in TSC cycles.
class PollGap {
 public:
  /// `usual`: gaps up to this are no stall: the longest idle sleep, and a millisecond to wake up.
  explicit PollGap(std::uint64_t usual) : usual_(usual) {}

  /// In this turn a queue gave as much as a turn takes: more may be left of what was there.
  void found_full() { full_ = true; }

  /// A turn has ended that began at `begin`.
  void polled(std::uint64_t begin) {
    if (std::exchange(full_, false) && away_ && ++turns_ < kTurnsOfARing) return;
    polled_ = begin;
    away_ = false;
    turns_ = 0;
  }

  /// From when on packets count that a poll found at `received`.
  [[nodiscard]] std::uint64_t counted_from(std::uint64_t received) {
    const std::uint64_t gap = received - polled_;
    if (gap <= usual_) return received;
    away_ = true;
    return received - std::min(gap, kMost);
  }

  static constexpr std::uint64_t kMost = std::uint64_t{1} << 31;  // 0.8 s at 2.6 GHz
  static constexpr unsigned kTurnsOfARing = 32;                   // of 4096 descriptors

 private:
  std::uint64_t usual_;
  std::uint64_t polled_ = 0;
  bool full_ = false;
  bool away_ = false;
  unsigned turns_ = 0;  // since it was
};

}  // namespace fairlead::dataplane
