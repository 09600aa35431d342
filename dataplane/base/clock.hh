// SPDX-License-Identifier: BSD-3-Clause
// Time as a value. Pure code is handed the time; only sys/system_clock.hh reads it.
#pragma once

#include <cstdint>

namespace fairlead::base {

/// Nanoseconds of CLOCK_MONOTONIC: the same in every process of a host, and what
/// bpf_ktime_get_ns() returns, so regions can carry it.
using Nanoseconds = std::uint64_t;

inline constexpr Nanoseconds kMicrosecond = 1000;
inline constexpr Nanoseconds kMillisecond = 1000 * kMicrosecond;
inline constexpr Nanoseconds kSecond = 1000 * kMillisecond;

[[nodiscard]] constexpr double seconds(Nanoseconds ns) {
  return static_cast<double>(ns) / static_cast<double>(kSecond);
}

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Nanoseconds now() const = 0;
};

}  // namespace fairlead::base
