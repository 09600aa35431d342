// SPDX-License-Identifier: BSD-3-Clause
// Learned residuals: factors on the *score* weights of adaptive, never on table weights, and the
// rails around them. Two learners: exponentiated gradient (eg) and a trained actor (actor-critic).
//
// Rails (all in rail()): a residual is the logarithm of a factor within [-1, 0.7]; at most 10 % of
// the pool's score mass moves in an update; changes below 2 % are not made; a stale backend's
// residual halves at each update; one that fails more than 5 % of its requests may not be preferred
// and weighs half at most (a fast failure must not attract).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "control/policy/policy.hh"

namespace fairlead::policy {

/// What a learner sees of a backend; see features() in actor_critic.cc for the normalised form.
struct BackendView {
  double capacity = 0;  // good completions a second at full utilisation; 0: not known
  double parallel = 1;  // requests it serves at once without queueing
  double active = 0;    // being served
  double slope = 0;     // of active since the last update
  double rate = 0;      // good completions a second
  double latency_us = 0;
  double utilization = 0;
  double error_share = 0;
  double residual = 0;  // in force
  bool fresh = false;   // its estimates may be used
};

std::vector<BackendView> views_of(
    const Snapshot& snapshot, const State& state, base::Nanoseconds now
);

/// Wanted change of each backend's residual.
std::vector<double> eg_moves(const std::vector<BackendView>& views, double seconds);
std::vector<double> actor_moves(
    const std::vector<BackendView>& views, const ActorParameters& actor
);

/// Residuals after the rails. `weights`: score weights without residuals.
std::vector<double> rail(
    const std::vector<BackendView>& views,
    const std::vector<double>& moves,
    const std::vector<double>& weights
);

/// One update of the pool's residuals: learner, guard, rails. Returns the factor on each score
/// weight (1 while the guard, shadow mode or the kill switch says so).
std::vector<double> residual_factors(
    const Snapshot& snapshot,
    const std::vector<double>& weights,
    base::Nanoseconds now,
    double seconds,
    State& state
);

}  // namespace fairlead::policy
