// SPDX-License-Identifier: BSD-3-Clause
// Exponentiated gradient (Kivinen, Warmuth, Information and Computation 1997) on marginal delay.
//
// Sending a share p_i to a backend whose occupancy is L costs, in M/M/1 terms, a delay whose
// derivative by the arrival rate is dL/dlambda = (1 + L)^2 / mu: the marginal cost. A split is
// optimal where marginal costs are equal (system-optimal Wardrop condition), and the multiplicative
// update w_i *= exp(-eta (c_i - c) / c) descends to it, with O(sqrt(T log n)) regret against the
// best fixed split for convex costs. L is counted in units of what a backend serves at once.
// Parameters per second: eta 0.25, forgetting 5 %. Limits: no instability in the score at these
// gains; frozen into a table it is unstable (a table is adopted late by everybody), so it never is.
#include <algorithm>
#include <cmath>

#include "control/policy/residual.hh"

namespace fairlead::policy {

namespace {
constexpr double kEta = 0.25;         // a second
constexpr double kForgetRate = 0.05;  // a second
}  // namespace

std::vector<double> eg_moves(const std::vector<BackendView>& views, double seconds) {
  std::vector<double> cost(views.size());
  double sum = 0;
  double weight = 0;
  for (std::size_t i = 0; i < views.size(); ++i) {
    const BackendView& v = views[i];
    if (!v.fresh || v.capacity <= 0) continue;
    const double occupancy = 1 + v.active / std::max(v.parallel, 1.0);
    cost[i] = occupancy * occupancy / v.capacity;
    sum += v.capacity * cost[i];
    weight += v.capacity;
  }
  const double mean = weight > 0 ? sum / weight : 0;
  const double time = std::clamp(seconds, 0.0, 2.0);
  std::vector<double> moves(views.size());
  for (std::size_t i = 0; i < views.size(); ++i) {
    moves[i] = -kForgetRate * time * views[i].residual;
    if (mean <= 0 || cost[i] <= 0) continue;
    // Costs fall with capacity by themselves; what counts is the difference at equal occupancy.
    const double usual = mean * (weight / static_cast<double>(views.size())) / views[i].capacity;
    moves[i] -= kEta * time * std::clamp((cost[i] - usual) / usual, -1.0, 1.0);
  }
  return moves;
}

}  // namespace fairlead::policy
