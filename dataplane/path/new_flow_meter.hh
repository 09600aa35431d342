// SPDX-License-Identifier: BSD-3-Clause
// Flood mode: how many new flows a worker is willing to enter.
//
// A credit in units of flows x 1e9 grows by `limit` per nanosecond, up to kMeterDepth's worth, and
// every new flow costs 1e9, whether it is entered or not, down to the same depth below zero. While
// the credit is not positive, nothing is entered. So as long as flows begin faster than the limit
// the credit stays below zero and the worker is stateless (first candidate only); within
// kMeterDepth of the flood's end it enters flows again. A short burst of up to 100 ms' worth is
// taken in full.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/path/context.hh"

namespace fairlead::path {

inline constexpr base::Nanoseconds kMeterDepth = 100 * base::kMillisecond;
inline constexpr std::int64_t kFlowCost = 1'000'000'000;

/// Deepest credit for a limit; at least one burst of flows, so that tiny limits work.
[[nodiscard]] inline std::int64_t meter_depth(std::uint32_t limit) {
  return std::max<std::int64_t>(
      static_cast<std::int64_t>(limit) * static_cast<std::int64_t>(kMeterDepth), 32 * kFlowCost
  );
}

inline void refill(NewFlowMeter& meter, std::uint32_t limit, base::Nanoseconds now) {
  const std::int64_t depth = meter_depth(limit);
  if (meter.updated == 0) {
    meter.credit = depth;
  } else if (now > meter.updated) {
    const auto elapsed =
        static_cast<std::int64_t>(std::min(now - meter.updated, 64 * base::kSecond));
    meter.credit = std::min(depth, meter.credit + elapsed * static_cast<std::int64_t>(limit));
  }
  meter.updated = now;
}

/// Charges one new flow. True if it may be entered. A limit of 0 means no limit.
[[nodiscard]] inline bool take_credit(NewFlowMeter& meter, std::uint32_t limit) {
  if (limit == 0) return true;
  const bool allowed = meter.credit > 0;
  meter.credit = std::max(-meter_depth(limit), meter.credit - kFlowCost);
  return allowed;
}

}  // namespace fairlead::path
