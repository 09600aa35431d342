// SPDX-License-Identifier: BSD-3-Clause
// Views, rails, and the order in which learner, guard and switches speak.
#include "control/policy/residual.hh"

#include <algorithm>
#include <cmath>

#include "control/policy/actor_critic.hh"

namespace fairlead::policy {

namespace {

constexpr double kLowest = -1.0;
constexpr double kHighest = 0.7;
constexpr double kMostMoved = 0.10;  // of the pool's score mass, in one update
constexpr double kLeastMove = 0.02;
constexpr double kFailing = 0.05;             // share of errors
constexpr double kFailingFactor = -0.693147;  // a half

double pool_latency(const std::vector<BackendView>& views) {
  double sum = 0;
  double rate = 0;
  for (const BackendView& v : views) {
    if (!v.fresh || v.latency_us <= 0) continue;
    sum += v.rate * v.latency_us;
    rate += v.rate;
  }
  return rate > 0 ? sum / rate : 0;
}

}  // namespace

std::vector<BackendView> views_of(
    const Snapshot& snapshot, const State& state, base::Nanoseconds now
) {
  std::vector<BackendView> views;
  for (const Backend& b : snapshot.backends) {
    const BackendState& s = state.backends.at(b.id);
    BackendView v;
    v.capacity = s.capacity;
    v.parallel = std::max(1.0, s.stretch_base);
    v.active = s.active;
    v.slope = s.active - s.active_before;
    v.rate = s.rate;
    v.latency_us = s.window_mean_latency_us;
    v.utilization = s.utilization;
    v.error_share = s.rate + s.error_rate > 0 ? s.error_rate / (s.rate + s.error_rate) : 0;
    v.residual = s.residual;
    v.fresh = s.last_report != 0 && s.capacity > 0 && b.usable &&
              now < s.last_report + std::min(snapshot.parameters.stale_after, kForgotten);
    views.push_back(v);
  }
  return views;
}

std::vector<double> rail(
    const std::vector<BackendView>& views,
    const std::vector<double>& moves,
    const std::vector<double>& weights
) {
  std::vector<double> wanted(views.size());
  for (std::size_t i = 0; i < views.size(); ++i) {
    const BackendView& v = views[i];
    double r = v.fresh ? v.residual + moves[i] : v.residual / 2;
    if (!std::isfinite(r)) r = 0;
    if (v.fresh && std::abs(r - v.residual) < kLeastMove) r = v.residual;
    if (v.error_share > kFailing) r = std::min(r, kFailingFactor);
    wanted[i] = std::clamp(r, kLowest, kHighest);
  }
  double before = 0;
  double after = 0;
  for (std::size_t i = 0; i < views.size(); ++i) {
    before += weights[i] * std::exp(views[i].residual);
    after += weights[i] * std::exp(wanted[i]);
  }
  if (before <= 0 || after <= 0) return wanted;
  double moved = 0;
  for (std::size_t i = 0; i < views.size(); ++i)
    moved += std::abs(
        weights[i] * std::exp(wanted[i]) / after - weights[i] * std::exp(views[i].residual) / before
    );
  moved /= 2;
  if (moved <= kMostMoved) return wanted;
  for (std::size_t i = 0; i < views.size(); ++i)
    wanted[i] = views[i].residual + (wanted[i] - views[i].residual) * kMostMoved / moved;
  return wanted;
}

std::vector<double> residual_factors(
    const Snapshot& snapshot,
    const std::vector<double>& weights,
    base::Nanoseconds now,
    double seconds,
    State& state
) {
  std::vector<double> factors(snapshot.backends.size(), 1.0);
  const Learning mode = snapshot.parameters.learning;
  if (mode == Learning::kOff) {
    for (auto& [id, s] : state.backends) s.residual = 0;
    return factors;
  }
  const std::vector<BackendView> views = views_of(snapshot, state, now);
  if (mode == Learning::kOn) state.guard.observe(seconds, pool_latency(views));
  std::vector<double> moves;
  if (state.trainer != nullptr) {
    moves = state.trainer->step(views);
  } else if (snapshot.policy == model::PolicyName::kEg) {
    moves = eg_moves(views, seconds);
  } else {
    moves = actor_moves(views, snapshot.parameters.actor);
  }
  const std::vector<double> residuals = rail(views, moves, weights);
  const bool in_force =
      state.trainer != nullptr || (mode == Learning::kOn && state.guard.learner_runs());
  for (std::size_t i = 0; i < residuals.size(); ++i) {
    BackendState& s = state.backends.at(snapshot.backends[i].id);
    s.residual = state.guard.blocked() ? 0 : residuals[i];
    if (in_force) factors[i] = std::exp(s.residual);
  }
  return factors;
}

}  // namespace fairlead::policy
