// SPDX-License-Identifier: BSD-3-Clause
// The two measuring policies: ORCA's weighted round robin and the utilisation law with its guard.
//
// wrr (gRPC proposal A58, client-side weighted round robin by ORCA): w = X / (u + e/X * penalty),
// with X all and e failed completions a second, u utilisation 0..1. Limit: X / u is noise where u
// is small.
//
// adaptive (utilisation law, Denning and Buzen 1978: u = X * D, so that capacity C = X / u,
// completions a second; estimate.cc filters it): w = C^exponent. Guard: u sees only the CPU, so a
// backend whose active requests L per busy core stand above `guard` times the pool's usual stretch
// counts as what it completes. Limits: needs reports of u and X; C of an idle backend is its prior;
// reports that lie together are believed.
#include <algorithm>
#include <cmath>

#include "control/policy/estimate.hh"

namespace fairlead::policy {

namespace {

constexpr double kContradicts = 0.5;                          // of the claim
constexpr double kRegained = 1.07;                            // a second
constexpr base::Nanoseconds kForgotten = 10 * base::kSecond;  // then an estimate is no longer used

bool known(const BackendState& s, base::Nanoseconds now, const Parameters& parameters) {
  return s.last_report != 0 && now < s.last_report + kForgotten &&
         now >= s.first_seen + parameters.blackout;
}

/// Active per busy core against the backend's own usual value; 0: not known.
double stretch_of(const BackendState& s) {
  if (s.stretch_base <= 0 || s.utilization <= 0 || s.active <= 0) return 0;
  return s.active / s.utilization / s.stretch_base;
}

/// A backend whose slots are occupied while its CPU rests is slow, not free: it counts as what it
/// completes. Where that is less than half of what it claims, the claim is believed again only step
/// by step: at once, one that reports too little for good would be flooded again and again.
double held(bool occupied, double seconds, BackendState& s) {
  double capacity = s.capacity;
  if (occupied) {
    const double shown = 0.9 * s.rate / std::min(1.0, s.active / s.stretch_base);
    capacity = std::min(capacity, shown);
    if (shown < kContradicts * s.capacity) s.proven = shown;
  } else if (s.proven > 0) {
    s.proven *= std::pow(kRegained, seconds);
    if (s.proven >= s.capacity) s.proven = 0;
  }
  return s.proven > 0 ? std::min(capacity, s.proven) : capacity;
}

}  // namespace

std::vector<double> wrr_weights(
    const Snapshot& snapshot, const State& state, base::Nanoseconds now
) {
  std::vector<double> weights;
  for (const Backend& b : snapshot.backends) {
    const BackendState& s = state.backends.at(b.id);
    const double all = s.rate + s.error_rate;
    const double load =
        all > 0 ? s.utilization + s.error_rate / all * snapshot.parameters.error_penalty : 0;
    const bool usable = known(s, now, snapshot.parameters) && load > 0;
    weights.push_back(usable ? all / load : 0);
  }
  return weights;
}

std::vector<double> adaptive_weights(
    const Snapshot& snapshot, base::Nanoseconds now, double seconds, State& state
) {
  const Parameters& p = snapshot.parameters;
  std::vector<double> stretch;
  for (const Backend& b : snapshot.backends) stretch.push_back(stretch_of(state.backends.at(b.id)));
  const double usual = median_positive(stretch);
  std::vector<double> weights;
  for (std::size_t i = 0; i < snapshot.backends.size(); ++i) {
    BackendState& s = state.backends.at(snapshot.backends[i].id);
    if (!known(s, now, p) || s.capacity <= 0) {
      weights.push_back(0);
      continue;
    }
    const bool occupied =
        usual > 0 && stretch[i] > p.guard * usual && s.active > 0.3 * s.stretch_base;
    double capacity = held(occupied, seconds, s);
    // Serving, yet nothing completes: looks full (0 would mean "not known").
    if (s.active >= 1 && s.rate <= 0) capacity = 0;
    weights.push_back(std::pow(std::max(capacity, 1e-6 * s.capacity), p.exponent));
  }
  return weights;
}

}  // namespace fairlead::policy
