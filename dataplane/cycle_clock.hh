// SPDX-License-Identifier: BSD-3-Clause
// CLOCK_MONOTONIC from the cycle counter: a multiplication instead of a call.
#pragma once

#include <cstdint>

#include "dataplane/base/clock.hh"

namespace fairlead::dataplane {

/// Follows a real clock that the owner reads now and then (sync()). Never runs backwards. Between
/// two syncs it is off by their distance times the error of `hz`: 10 ms at 100 ppm is 1 us.
/// One thread.
class CycleClock {
 public:
  explicit CycleClock(std::uint64_t hz)
      : hz_(hz), ns_per_cycle_((std::uint64_t{base::kSecond} << kShift) / hz) {}

  /// The real time at cycle `cycles`.
  void sync(std::uint64_t cycles, base::Nanoseconds real) {
    cycles_ = cycles;
    real_ = real;
  }
  /// Due every 10 ms, and after a pause of any length.
  [[nodiscard]] bool sync_due(std::uint64_t cycles) const { return cycles - cycles_ > hz_ / 100; }

  /// Requires: sync() within the last second before `cycles`.
  [[nodiscard]] base::Nanoseconds now(std::uint64_t cycles) {
    const base::Nanoseconds t = real_ + to_ns(cycles - cycles_);
    if (t > last_) last_ = t;
    return last_;
  }
  /// Length of up to 2^32 cycles (1.6 s at 2.6 GHz).
  [[nodiscard]] std::uint64_t to_ns(std::uint64_t cycles) const {
    return (cycles & 0xffffffffU) * ns_per_cycle_ >> kShift;
  }

 private:
  static constexpr unsigned kShift = 24;
  std::uint64_t hz_;
  std::uint64_t ns_per_cycle_;  // fixed point, kShift fractional bits
  std::uint64_t cycles_ = 0;
  base::Nanoseconds real_ = 0;
  base::Nanoseconds last_ = 0;
};

}  // namespace fairlead::dataplane
