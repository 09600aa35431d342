// SPDX-License-Identifier: BSD-3-Clause
// Weights on their way: `set backend ... weight N ramp TIME` in small steps instead of one. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
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

/// A ramp that another node of the fleet carries out: its steps come as weights.
struct RampElsewhere {
  std::string node;
  std::uint32_t to = 0;
  base::Nanoseconds until = 0;
  friend bool operator==(const RampElsewhere&, const RampElsewhere&) = default;
};
using RampsElsewhere = std::map<Member, RampElsewhere>;
using SetWeights = std::map<Member, std::uint32_t>;

/// On the straight line between its ends.
std::uint32_t weight_at(const Ramp& ramp, base::Nanoseconds now);

struct RampsMoved {
  bool changed = false;          // weights or ramps
  std::vector<Member> arrived;   // at their ends
  std::vector<Member> given_up;  // the weight was forgotten
};

/// Takes the steps that are due. A ramp ends early when its weight is forgotten with a new
/// configuration; who sets another one takes the ramp away. A weight that is not its last step is
/// that of another node's ramp, which began at the same time and lost: it does not count.
RampsMoved move_ramps(Ramps& ramps, SetWeights& weights, base::Nanoseconds now);

}  // namespace fairlead::control
