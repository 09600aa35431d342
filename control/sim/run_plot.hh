// SPDX-License-Identifier: BSD-3-Clause
// Pictures of one run: latency over time, shares, weights, percentile curve.
#pragma once

#include <string>

#include "control/sim/measures.hh"
#include "control/sim/setup.hh"

namespace fairlead::sim {

/// An SVG document. Shares and weights: the twelve backends whose share moved most.
std::string run_svg(const Setup& setup, const Measures& measures);

}  // namespace fairlead::sim
