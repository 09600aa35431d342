// SPDX-License-Identifier: BSD-3-Clause
// Metrics of the data plane: what workers and ports count, and how long packets are in the node.
#pragma once

#include "control/metrics_page.hh"
#include "control/node.hh"

namespace fairlead::control {

void add_workers(MetricsPage& page, const Node& node);
void add_ports(MetricsPage& page, const Node& node, base::Nanoseconds now);

}  // namespace fairlead::control
