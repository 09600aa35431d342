// SPDX-License-Identifier: BSD-3-Clause
// `fleet:`.
#pragma once

#include "control/config/config.hh"
#include "control/config/section.hh"

namespace fairlead::config {

Fleet load_fleet(const Section& root);

}  // namespace fairlead::config
