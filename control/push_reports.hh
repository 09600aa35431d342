// SPDX-License-Identifier: BSD-3-Clause
// report load: measurements by the control socket, from whoever measures.
#pragma once

#include "control/node.hh"
#include "control/show.hh"

namespace fairlead::control {

/// Judges each report as an agent's (monitor/intake.hh). `wall_us`: microseconds since 1970.
/// Errors: a report that is no object of known fields; then none of them counts.
Answer push_reports(
    Node& node, const api::Request& request, base::Nanoseconds now, std::uint64_t wall_us
);

}  // namespace fairlead::control
