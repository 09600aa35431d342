// SPDX-License-Identifier: BSD-3-Clause
// Rails, one after the other.
#include "control/policy/rails.hh"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace fairlead::policy {
namespace {

constexpr double kMostWeight = 10'000;
constexpr double kMinute = 60e9;

bool held(const RailInput& in) {
  return in.configured > 0 && in.before > 0 && in.wanted > 0;
}

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

struct Held {
  std::vector<std::size_t> at;  // positions in the pool
  std::vector<double> configured;
  std::vector<double> before;
  std::vector<double> weight;
  std::vector<Rail> bound;
};

Held held_ones(const std::vector<RailInput>& pool) {
  Held out;
  for (std::size_t i = 0; i < pool.size(); ++i) {
    if (!held(pool[i])) continue;
    out.at.push_back(i);
    out.configured.push_back(pool[i].configured);
    out.before.push_back(pool[i].before);
    out.weight.push_back(pool[i].wanted);
    out.bound.push_back(Rail::kNone);
  }
  return out;
}

void hold_steps(const RailSettings& s, Held& held) {
  for (std::size_t i = 0; i < held.at.size(); ++i) {
    const double before = held.before[i];
    double& weight = held.weight[i];
    if (weight != before && std::abs(weight - before) < s.dead_band * before) {
      weight = before;
      held.bound[i] = Rail::kDeadBand;
    }
    if (s.max_step <= 0) continue;
    const double kept = std::clamp(weight, before * (1 - s.max_step), before * (1 + s.max_step));
    if (kept != weight) held.bound[i] = Rail::kStep;
    weight = kept;
  }
}

void hold_bounds(const RailSettings& s, Held& held) {
  // Policies count in units of their own: what the configured weights would be in them.
  const double unit = sum(held.weight) / sum(held.configured);
  for (std::size_t i = 0; i < held.at.size(); ++i) {
    const double fair = held.configured[i] * unit;
    double& weight = held.weight[i];
    if (weight < s.floor * fair) {
      weight = s.floor * fair;
      held.bound[i] = Rail::kFloor;
    }
    if (s.ceiling > 0 && weight > s.ceiling * fair) {
      weight = s.ceiling * fair;
      held.bound[i] = Rail::kCeiling;
    }
  }
}

std::vector<double> part_of_way(const Held& held, double part) {
  std::vector<double> out;
  for (std::size_t i = 0; i < held.at.size(); ++i)
    out.push_back(held.before[i] + part * (held.weight[i] - held.before[i]));
  return out;
}

void hold_moves(const RailSettings& s, Held& held, MoveBudget& budget, base::Nanoseconds now) {
  if (s.moved_per_minute <= 0) return;
  if (!budget.begun) budget = {s.moved_per_minute, now, true};
  const double refill = s.moved_per_minute * static_cast<double>(now - budget.at) / kMinute;
  // Half in store and half by the minute: no minute sees more than the whole.
  budget.left = std::min(budget.left + refill / 2, s.moved_per_minute / 2);
  budget.at = now;
  const double wanted = moved_share(held.before, held.weight);
  if (wanted > budget.left) {
    double good = 0;
    double bad = 1;
    for (int i = 0; i < 30; ++i) {
      const double part = (good + bad) / 2;
      (moved_share(held.before, part_of_way(held, part)) > budget.left ? bad : good) = part;
    }
    const auto kept = part_of_way(held, good);
    for (std::size_t i = 0; i < held.at.size(); ++i)
      if (held.weight[i] != held.before[i]) held.bound[i] = Rail::kMoved;
    held.weight = kept;
  }
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
  Held held = held_ones(pool);
  if (held.at.empty()) return out;
  hold_steps(settings, held);
  hold_bounds(settings, held);
  hold_moves(settings, held, budget, now);
  std::vector<double> given;
  for (std::size_t i = 0; i < held.at.size(); ++i) {
    Railed& row = out[held.at[i]];
    row.bound = held.bound[i];
    row.weight = row.bound == Rail::kNone ? pool[held.at[i]].wanted
                                          : rounded(held.weight[i], held.before[i]);
    given.push_back(row.weight);
  }
  if (settings.moved_per_minute > 0) budget.left -= moved_share(held.before, given);
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
      return text("held by the slots that may move, %g %% a minute", s.moved_per_minute * 100);
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
