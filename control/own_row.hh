// SPDX-License-Identifier: BSD-3-Clause
// This node's row of the fleet: what monitors are told, and what is shown here with and without
// them. Under the daemon's lock.
#pragma once

#include "control/node.hh"

namespace fairlead::control {

[[nodiscard]] FleetNode own_row(const Node& node, base::Nanoseconds now);

}  // namespace fairlead::control
