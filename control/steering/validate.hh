// SPDX-License-Identifier: BSD-3-Clause
// Checks of everything a plan is made from, before anything is computed.
#pragma once

#include <vector>

#include "control/steering/steering.hh"

namespace fairlead::steering {

/// True, or the first fault, with the object's name.
base::Result<bool> validate(const std::vector<PoolIntent>& pools, const NodeIntent& node);
/// The same where the vips were found good before: weights, states, the node's addresses.
base::Result<bool> validate_numbers(const std::vector<PoolIntent>& pools, const NodeIntent& node);

}  // namespace fairlead::steering
