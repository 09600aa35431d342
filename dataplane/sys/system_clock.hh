// SPDX-License-Identifier: BSD-3-Clause
// The real clock.
#pragma once

#include <cstdint>
#include <ctime>

#include "dataplane/base/clock.hh"

namespace fairlead::sys {

inline base::Nanoseconds monotonic_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<base::Nanoseconds>(t.tv_sec) * base::kSecond +
         static_cast<base::Nanoseconds>(t.tv_nsec);
}

/// Microseconds since 1970, UTC.
inline std::uint64_t wall_us() {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(t.tv_nsec) / 1000;
}

/// Seconds since 1970, UTC.
inline std::int64_t wall_s() {
  return static_cast<std::int64_t>(wall_us() / 1'000'000);
}

class SystemClock final : public base::Clock {
 public:
  [[nodiscard]] base::Nanoseconds now() const override { return monotonic_ns(); }
};

}  // namespace fairlead::sys
