// SPDX-License-Identifier: BSD-3-Clause
// The scores region: what a worker cannot know by itself, renewed every kScorePeriod.
#pragma once

#include "control/node.hh"

namespace fairlead::control {

inline constexpr base::Nanoseconds kScorePeriod = 20 * base::kMillisecond;

/// Writes, for every backend in a generation: the policy's inverse weight (0, "use the member's",
/// where the backend is in several pools, whose weights differ), and per worker what is in flight
/// through the node's other workers (unless the exchange writes that). Cost: 10 ns per backend and
/// worker.
void write_scores(Node& node, base::Nanoseconds now);

}  // namespace fairlead::control
