// SPDX-License-Identifier: BSD-3-Clause
// Policies that leave the table at configured weights and scale the score: latency, prequal.
#pragma once

#include <string>
#include <vector>

#include "control/policy/policy.hh"

namespace fairlead::policy {

struct ScoreFactor {
  double factor = 1;  // on the configured weight
  std::string why;    // "": nothing to say
};

/// One for each backend. static and wlc: 1.
std::vector<ScoreFactor> score_factors(
    const Snapshot& snapshot, const State& state, base::Nanoseconds now
);

}  // namespace fairlead::policy
