// SPDX-License-Identifier: BSD-3-Clause
// Weights on their way: `set backend ... weight N ramp TIME` in small steps instead of one. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "control/holds.hh"
#include "dataplane/base/clock.hh"

namespace fairlead::control {

/// One step at most in this time: a step is a generation.
inline constexpr base::Nanoseconds kRampStep = base::kSecond;

struct Ramp {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  std::uint32_t now = 0;        // the step in force
  base::Nanoseconds since = 0;  // monotonic
  base::Nanoseconds until = 0;
  friend bool operator==(const Ramp&, const Ramp&) = default;
};
using Ramps = std::map<Member, Ramp>;
using SetWeights = std::map<Member, std::uint32_t>;

/// On the straight line between its ends.
std::uint32_t weight_at(const Ramp& ramp, base::Nanoseconds now);

struct RampsMoved {
  bool changed = false;          // weights or ramps
  std::vector<Member> arrived;   // at their ends
  std::vector<Member> given_up;  // somebody else set the weight
};

/// Takes the steps that are due. A weight that is not what the ramp made of it was set by somebody
/// else, or forgotten with a new configuration: that counts, and the ramp ends.
RampsMoved move_ramps(Ramps& ramps, SetWeights& weights, base::Nanoseconds now);

}  // namespace fairlead::control
