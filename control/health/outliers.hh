// SPDX-License-Identifier: BSD-3-Clause
// Backends that fail far more often than the rest of their pool. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "dataplane/base/clock.hh"

namespace fairlead::health {

/// What one backend of a pool did in a window.
struct OutlierSample {
  std::string backend;
  double attempts = 0;  // requests, or handshakes
  double failures = 0;
};

struct OutlierRules {
  double failures = 0;         // share from which a backend is one; 0: off
  std::uint32_t cap_pct = 10;  // of the pool at most, rounded down, are out at once
  base::Nanoseconds hold = 0;  // the first time; each further time as much longer, up to 8 x
};

/// Of one pool. A backend is taken out if at least `failures` of its attempts failed, of 20 or
/// more, and its share is twice the pool's median (of two in the middle the lower one): when a
/// database behind all of them is down, none is an outlier. The worst first, as many as the cap
/// allows.
class Outliers {
 public:
  /// A window is over.
  void weigh(
      const std::vector<OutlierSample>& pool, const OutlierRules& rules, base::Nanoseconds now
  );
  [[nodiscard]] std::vector<std::string> out(base::Nanoseconds now) const;

  static constexpr double kLeastAttempts = 20;
  static constexpr std::uint32_t kMostTimes = 8;

 private:
  struct Record {
    base::Nanoseconds until = 0;
    std::uint32_t times = 0;  // one less for each window of `hold` without a reason
  };
  std::map<std::string, Record> records_;
};

}  // namespace fairlead::health
