// SPDX-License-Identifier: BSD-3-Clause
// Steps of weights.
#include "control/ramps.hh"

#include <cmath>

namespace fairlead::control {

std::uint32_t weight_at(const Ramp& ramp, base::Nanoseconds now) {
  if (now >= ramp.until) return ramp.to;
  if (now <= ramp.since) return ramp.from;
  const double done =
      static_cast<double>(now - ramp.since) / static_cast<double>(ramp.until - ramp.since);
  const double way = static_cast<double>(ramp.to) - static_cast<double>(ramp.from);
  return static_cast<std::uint32_t>(std::lround(ramp.from + done * way));
}

RampsMoved move_ramps(Ramps& ramps, SetWeights& weights, base::Nanoseconds now) {
  RampsMoved out;
  for (auto it = ramps.begin(); it != ramps.end();) {
    auto& [member, ramp] = *it;
    const auto set = weights.find(member);
    const bool ours = set != weights.end();
    if (ours) {
      ramp.now = weight_at(ramp, now);
      out.changed = out.changed || set->second != ramp.now;
      set->second = ramp.now;
    }
    if (ours && now < ramp.until) {
      ++it;
      continue;
    }
    (ours ? out.arrived : out.given_up).push_back(member);
    out.changed = true;
    it = ramps.erase(it);
  }
  return out;
}

}  // namespace fairlead::control
