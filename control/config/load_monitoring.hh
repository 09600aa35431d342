// SPDX-License-Identifier: BSD-3-Clause
// `monitoring:`.
#pragma once

#include "control/config/config.hh"
#include "control/config/section.hh"

namespace fairlead::config {

Monitoring load_monitoring(const Section& root);

}  // namespace fairlead::config
