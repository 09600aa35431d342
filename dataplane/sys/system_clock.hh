// SPDX-License-Identifier: BSD-3-Clause
// The real clock.
#pragma once

#include <ctime>

#include "dataplane/base/clock.hh"

namespace fairlead::sys {

inline base::Nanoseconds monotonic_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<base::Nanoseconds>(t.tv_sec) * base::kSecond +
         static_cast<base::Nanoseconds>(t.tv_nsec);
}

class SystemClock final : public base::Clock {
 public:
  [[nodiscard]] base::Nanoseconds now() const override { return monotonic_ns(); }
};

}  // namespace fairlead::sys
