// SPDX-License-Identifier: BSD-3-Clause
// The section `routes`: how routers learn whether this node takes the vips' traffic.
#pragma once

#include "control/config/config.hh"
#include "control/config/section.hh"

namespace fairlead::config {

Routes load_routes(const Section& root);

}  // namespace fairlead::config
