// SPDX-License-Identifier: BSD-3-Clause
// What a node knows of its fleet, as metrics; nothing where no monitors are configured.
#pragma once

#include "control/metrics_page.hh"
#include "control/node.hh"

namespace fairlead::control {

void add_fleet(MetricsPage& page, const Node& node, base::Nanoseconds now);

}  // namespace fairlead::control
