// SPDX-License-Identifier: BSD-3-Clause
// Rails, one after the other.
#include "control/policy/rails.hh"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <utility>

namespace fairlead::policy {
namespace {

constexpr double kMostWeight = 10'000;
constexpr double kRounding = 1e-9;  // of shares

bool held(const RailInput& in) {
  return in.configured > 0 && in.before > 0 && in.wanted > 0;
}

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

struct Held {
  std::vector<std::size_t> at;  // positions in the pool
  std::vector<double> least;    // shares, by floor and ceiling
  std::vector<double> most;
  std::vector<double> before;
  std::vector<double> weight;
  std::vector<Rail> bound;
};

Held held_ones(const RailSettings& s, const std::vector<RailInput>& pool) {
  Held out;
  double configured = 0;
  for (std::size_t i = 0; i < pool.size(); ++i) {
    if (!held(pool[i])) continue;
    configured += pool[i].configured;
    out.at.push_back(i);
    out.before.push_back(pool[i].before);
    out.weight.push_back(pool[i].wanted);
    out.bound.push_back(Rail::kNone);
  }
  for (const std::size_t i : out.at) {
    const double fair = pool[i].configured / configured;
    out.least.push_back(s.floor * fair);
    out.most.push_back(s.ceiling > 0 ? std::min(1.0, s.ceiling * fair) : 1.0);
  }
  return out;
}

bool bounded(const RailSettings& s) {
  return s.floor > 0 || s.ceiling > 0;
}

void hold_dead_band(const RailSettings& s, Held& held) {
  for (std::size_t i = 0; i < held.at.size(); ++i) {
    const double before = held.before[i];
    double& weight = held.weight[i];
    if (weight == before || std::abs(weight - before) >= s.dead_band * before) continue;
    weight = before;
    held.bound[i] = Rail::kDeadBand;
  }
}

/// How much of a share a unit of weight is, so that all shares, each clamped between its least and
/// most, are 1 together: exact, from bound to bound.
double level_of(const Held& held) {
  // Where a backend leaves its least (its weight) or meets its most (less its weight).
  std::vector<std::pair<double, double>> bends;
  double fixed = 0;  // shares of those that are at a bound
  for (std::size_t i = 0; i < held.at.size(); ++i) {
    const double weight = held.weight[i];
    bends.emplace_back(held.least[i] / weight, weight);
    bends.emplace_back(held.most[i] / weight, -weight);
    fixed += held.least[i];
  }
  std::sort(bends.begin(), bends.end());
  double free = 0;  // weight of those that are between their bounds
  for (const auto& [level, weight] : bends) {
    if (free > 0 && fixed + free * level >= 1) return (1 - fixed) / free;
    fixed -= weight * level;
    free += weight;
  }
  return bends.back().first;
}

/// What one may not have the others share, in the ratio in which the policy wants them.
void hold_bounds(const RailSettings& s, Held& held) {
  if (!bounded(s)) return;
  const double all = sum(held.weight);
  const double level = level_of(held);
  std::vector<double> shares;
  for (std::size_t i = 0; i < held.at.size(); ++i)
    shares.push_back(std::clamp(held.weight[i] * level, held.least[i], held.most[i]));
  // Policies count in units of their own: their sum stays, as far as weights go.
  const double unit = std::min(all, kMostWeight / *std::max_element(shares.begin(), shares.end()));
  for (std::size_t i = 0; i < held.at.size(); ++i) {
    const double share = held.weight[i] / all;
    const double kept = shares[i] * unit;
    if (std::abs(shares[i] - share) <= kRounding && unit == all) continue;
    const bool at_floor = shares[i] == held.least[i];
    const bool gives = shares[i] != held.most[i] && shares[i] < share;
    const bool floor = s.ceiling <= 0 || (s.floor > 0 && (at_floor || gives));
    held.bound[i] = floor ? Rail::kFloor : Rail::kCeiling;
    held.weight[i] = kept;
  }
}

std::vector<double> part_of_way(const Held& held, double part) {
  std::vector<double> out;
  for (std::size_t i = 0; i < held.at.size(); ++i)
    out.push_back(held.before[i] + part * (held.weight[i] - held.before[i]));
  return out;
}

void take(Held& held, std::vector<double> kept, Rail rail) {
  for (std::size_t i = 0; i < held.at.size(); ++i)
    if (held.weight[i] != kept[i]) held.bound[i] = rail;
  held.weight = std::move(kept);
}

/// Somebody is beyond its floor or ceiling, and further than before.
bool strays(const Held& held, const std::vector<double>& weights) {
  const double all = sum(weights);
  const double all_before = sum(held.before);
  for (std::size_t i = 0; i < held.at.size(); ++i) {
    const double share = weights[i] / all;
    const double before = held.before[i] / all_before;
    if (share < std::min(held.least[i], before) - kRounding) return true;
    if (share > std::max(held.most[i], before) + kRounding) return true;
  }
  return false;
}

void hold_steps(const RailSettings& s, Held& held) {
  if (s.max_step <= 0) return;
  std::vector<double> kept;
  double part = 1;
  for (std::size_t i = 0; i < held.at.size(); ++i) {
    const double before = held.before[i];
    const double way = std::abs(held.weight[i] - before);
    kept.push_back(std::clamp(held.weight[i], before * (1 - s.max_step), before * (1 + s.max_step))
    );
    if (way > 0) part = std::min(part, s.max_step * before / way);
  }
  if (bounded(s) && strays(held, kept)) kept = part_of_way(held, part);
  take(held, std::move(kept), Rail::kStep);
}

void hold_moves(const RailSettings& s, Held& held, MoveBudget& budget, base::Nanoseconds now) {
  if (s.max_moved <= 0) return;
  if (!budget.begun) budget = {s.max_moved, now, true};
  const double refill =
      s.max_moved * static_cast<double>(now - budget.at) / static_cast<double>(s.moved_within);
  // Half in store and half by the window: no window sees more than the whole.
  budget.left = std::min(budget.left + refill / 2, s.max_moved / 2);
  budget.at = now;
  if (moved_share(held.before, held.weight) <= budget.left) return;
  double good = 0;
  double bad = 1;
  for (int i = 0; i < 30; ++i) {
    const double part = (good + bad) / 2;
    (moved_share(held.before, part_of_way(held, part)) > budget.left ? bad : good) = part;
  }
  take(held, part_of_way(held, good), Rail::kMoved);
}

// Towards the weight in force, so that rounding never breaks a rail.
std::uint32_t rounded(double weight, double before) {
  const double whole = weight > before ? std::floor(weight + 1e-9) : std::ceil(weight - 1e-9);
  return static_cast<std::uint32_t>(std::clamp(whole, 1.0, kMostWeight));
}

}  // namespace

double moved_share(const std::vector<double>& before, const std::vector<double>& after) {
  const double all_before = sum(before);
  const double all_after = sum(after);
  if (all_before <= 0 || all_after <= 0) return 0;
  double moved = 0;
  for (std::size_t i = 0; i < before.size(); ++i)
    moved += std::abs(after[i] / all_after - before[i] / all_before);
  return moved / 2;
}

std::vector<Railed> apply_rails(
    const RailSettings& settings,
    const std::vector<RailInput>& pool,
    MoveBudget& budget,
    base::Nanoseconds now
) {
  std::vector<Railed> out;
  for (const RailInput& in : pool) out.push_back({in.wanted, Rail::kNone});
  if (settings == RailSettings{}) return out;
  Held held = held_ones(settings, pool);
  if (held.at.empty()) return out;
  hold_dead_band(settings, held);
  hold_bounds(settings, held);
  hold_steps(settings, held);
  hold_moves(settings, held, budget, now);
  std::vector<double> given;
  for (std::size_t i = 0; i < held.at.size(); ++i) {
    Railed& row = out[held.at[i]];
    row.bound = held.bound[i];
    row.weight = row.bound == Rail::kNone ? pool[held.at[i]].wanted
                                          : rounded(held.weight[i], held.before[i]);
    given.push_back(row.weight);
  }
  if (settings.max_moved > 0) budget.left -= moved_share(held.before, given);
  return out;
}

std::string rail_text(Rail rail, const RailSettings& s) {
  const auto text = [](const char* form, double value) {
    char out[96];
    std::snprintf(out, sizeof out, form, value);
    return std::string(out);
  };
  switch (rail) {
    case Rail::kNone:
      return "";
    case Rail::kDeadBand:
      return text("held by the dead band of %g %%", s.dead_band * 100);
    case Rail::kStep:
      return text("held by the largest step, %g %% an update", s.max_step * 100);
    case Rail::kFloor:
      return text("held by the floor, %g of the configured share", s.floor);
    case Rail::kCeiling:
      return text("held by the ceiling, %g of the configured share", s.ceiling);
    case Rail::kMoved:
      return text("held by the slots that may move, %g %% ", s.max_moved * 100) +
             text("in %g s", static_cast<double>(s.moved_within) / base::kSecond);
  }
  return "";
}

void hold_to_rails(
    const RailSettings& settings,
    const Snapshot& snapshot,
    const std::function<std::uint32_t(std::size_t)>& before,
    base::Nanoseconds now,
    RailMemory& memory,
    Weights& fresh
) {
  std::map<std::string, std::uint32_t> configured;
  for (const Backend& backend : snapshot.backends)
    if (backend.usable) configured[backend.id] = backend.weight;
  // An operator's word, or a backend that goes or comes, is no policy's whim, and changes the units
  // in which the pool's weights count.
  const bool held = configured == memory.configured;
  memory.configured = std::move(configured);
  std::vector<RailInput> inputs;
  for (std::size_t i = 0; i < snapshot.backends.size(); ++i) {
    const Backend& backend = snapshot.backends[i];
    const std::uint32_t in_force = held && backend.usable ? before(i) : 0;
    inputs.push_back({backend.weight, in_force, fresh.backends[i].weight});
  }
  const auto railed = apply_rails(settings, inputs, memory.moves, now);
  for (std::size_t i = 0; i < railed.size(); ++i) {
    if (railed[i].bound == Rail::kNone) continue;
    EffectiveWeight& out = fresh.backends[i];
    out.why +=
        "; " + rail_text(railed[i].bound, settings) + ", wanted " + std::to_string(out.weight);
    out.weight = railed[i].weight;
  }
}

}  // namespace fairlead::policy
