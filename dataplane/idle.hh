// SPDX-License-Identifier: BSD-3-Clause
// How a worker without packets leaves the core to others.
#pragma once

#include <cstdint>
#include <ctime>

#include "dataplane/base/clock.hh"

namespace fairlead::dataplane {

inline void sleep_for(base::Nanoseconds time) {
  const timespec pause{0, static_cast<long>(time)};
  ::nanosleep(&pause, nullptr);
}

/// Counts polls that found nothing. Several nodes share cores, so a worker that has nothing to do
/// sleeps, longer after a while: 10 nodes idle at 1.5 to 2 % of a core each, and the first packet
/// after a pause waits 0.2 to 0.3 ms at most (docs/dataplane-process.md).
class IdleBackoff {
 public:
  /// `empty_polls` 0: never sleep.
  IdleBackoff(std::uint32_t empty_polls, base::Nanoseconds sleep, base::Nanoseconds sleep_max)
      : empty_polls_(empty_polls), sleep_(sleep), sleep_max_(sleep_max) {}

  void found_packets() { empty_ = 0; }

  /// One more empty poll; how long to sleep now, 0 for not at all.
  [[nodiscard]] base::Nanoseconds found_nothing() {
    if (empty_polls_ == 0) return 0;
    if (empty_ < kFactor * empty_polls_) ++empty_;
    if (empty_ < empty_polls_) return 0;
    return empty_ < kFactor * empty_polls_ ? sleep_ : sleep_max_;
  }

  /// 0: it never sleeps.
  [[nodiscard]] base::Nanoseconds longest() const { return empty_polls_ == 0 ? 0 : sleep_max_; }

  static constexpr std::uint64_t kFactor = 8;

 private:
  std::uint64_t empty_polls_;
  base::Nanoseconds sleep_;
  base::Nanoseconds sleep_max_;
  std::uint64_t empty_ = 0;
};

}  // namespace fairlead::dataplane
