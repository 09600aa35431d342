// SPDX-License-Identifier: BSD-3-Clause
// Flood mode: how many new flows a worker is willing to enter.
//
// A credit in units of flows x 1e9 grows by `limit` per nanosecond, up to kMeterDepth's worth, and
// every new flow costs 1e9, whether it is entered or not, down to the same depth below zero. When
// the credit is used up flood mode begins: nothing is entered, new flows go to their first
// candidate. It ends when half of the credit is there again. So a rate that stays above the limit
// keeps the worker stateless; one that swings around it does not switch the mode with every packet;
// kMeterDepth to 1.5 times that after a flood has stopped, flows are entered again. A short burst
// of up to 100 ms' worth is taken in full.
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

/// After so long any credit is full again; times the limit, up to 2^32, it fits.
[[nodiscard]] inline base::Nanoseconds longest_pause(std::uint32_t limit) {
  return (limit < 320 ? 64 : 1) * base::kSecond;
}
static_assert(320 * kMeterDepth >= 32 * base::kSecond, "above, the depth is kMeterDepth's worth");

inline void refill(NewFlowMeter& meter, std::uint32_t limit, base::Nanoseconds now) {
  const std::int64_t depth = meter_depth(limit);
  if (meter.updated == 0) {
    meter.credit = depth;
  } else if (now > meter.updated) {
    const auto elapsed =
        static_cast<std::int64_t>(std::min(now - meter.updated, longest_pause(limit)));
    meter.credit = std::min(depth, meter.credit + elapsed * static_cast<std::int64_t>(limit));
  }
  meter.updated = now;
  if (meter.flooded && meter.credit >= depth / 2) meter.flooded = false;
}

/// Charges one new flow. True if it may be entered. A limit of 0 means no limit.
[[nodiscard]] inline bool take_credit(NewFlowMeter& meter, std::uint32_t limit) {
  if (limit == 0) return true;
  if (meter.credit <= 0) meter.flooded = true;
  meter.credit = std::max(-meter_depth(limit), meter.credit - kFlowCost);
  return !meter.flooded;
}

/// So many new flows may be entered, whatever else the burst brings: take_credit() would say so of
/// each, and charge_all() charges them.
[[nodiscard]] inline bool has_credit_for(
    const NewFlowMeter& meter, std::uint32_t limit, std::uint32_t flows
) {
  return limit == 0 || (!meter.flooded && meter.credit > flows * kFlowCost);
}
inline void charge_all(NewFlowMeter& meter, std::uint32_t limit, std::uint32_t flows) {
  if (limit != 0) meter.credit -= flows * kFlowCost;
}

}  // namespace fairlead::path
