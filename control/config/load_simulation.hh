// SPDX-License-Identifier: BSD-3-Clause
// The section `simulation` of the file.
#pragma once

#include "control/config/config.hh"
#include "control/config/section.hh"

namespace fairlead::config {

void load_simulation(const Section& root, Config& config, Diagnosis& diagnosis);

}  // namespace fairlead::config
