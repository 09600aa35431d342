// SPDX-License-Identifier: BSD-3-Clause
// Who forwards, data plane or gate, and who keeps new tables waiting, as metrics.
#pragma once

#include "control/metrics_page.hh"
#include "control/node.hh"

namespace fairlead::control {

void add_plane(MetricsPage& page, const Node& node, base::Nanoseconds now);

}  // namespace fairlead::control
