// SPDX-License-Identifier: BSD-3-Clause
// Operators' decisions as values that a fleet shares, and back. Pure.
#pragma once

#include <string>

#include "control/fleet/store.hh"
#include "control/operator_state.hh"

namespace fairlead::control {

/// This host's clocks: decisions are kept by the monotonic one, shared by that of the wall. And its
/// name: a ramp is carried out by one node.
struct Clocks {
  base::Nanoseconds monotonic = 0;
  std::int64_t wall_ms = 0;
  std::string node;
};

/// "hold/VIP/BACKEND", "weight/VIP/BACKEND", "health/VIP/BACKEND", "ramp/VIP/BACKEND",
/// "disabled/VIP", "frozen". What `seen` says already, within a second, keeps its text: clocks of
/// hosts tremble.
fleet::Values shared_values(
    const OperatorState& state, const fleet::Values& seen, const Clocks& clocks
);

/// `state` with the fleet's decisions in place of its own; who left stays. Of the ramps that are
/// this node's those stay that the fleet has as its: of two nodes that ramp one backend the one
/// that was first in etcd wins. Values that nobody can read are skipped: of a later version.
OperatorState with_shared_values(
    OperatorState state, const fleet::Values& values, const Clocks& clocks
);

/// Nothing is different but steps of other nodes' ramps.
bool only_steps(
    const OperatorState& state, const fleet::Values& before, const fleet::Values& after
);

}  // namespace fairlead::control
