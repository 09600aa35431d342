// SPDX-License-Identifier: BSD-3-Clause
// The fleet's weights in force, over a restart of control: generations must not go back.
#pragma once

#include <string>

#include "control/monitor/fleet_weights.hh"
#include "dataplane/base/result.hh"

namespace fairlead::control {

/// <runtime_dir>/fleet_weights.json. A missing file is generation 0; a damaged one is kDataLoss.
base::Result<monitor::FleetWeights> load_fleet_weights(const std::string& path);
/// Written beside and renamed.
base::Result<bool> save_fleet_weights(
    const std::string& path, const monitor::FleetWeights& weights
);

}  // namespace fairlead::control
