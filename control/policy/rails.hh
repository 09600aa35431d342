// SPDX-License-Identifier: BSD-3-Clause
// Rails around every policy: what it wants of a pool's table weights, held to what the operator
// allows. The policies have their own steps (Parameters); these come after them, whatever the
// policy, and are off unless configured. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control/policy/policy.hh"
#include "dataplane/base/clock.hh"

namespace fairlead::policy {

/// Fractions of 1; 0 switches a rail off. All off: weights are what the policy wants.
struct RailSettings {
  double dead_band = 0;  // a smaller relative change is not made
  double max_step = 0;   // largest relative change of a weight in one update
  double floor = 0;      // of the configured share: never less
  double ceiling = 0;    // of the configured share: never more
  double max_moved = 0;  // of the pool's slots, in any `moved_within`
  base::Nanoseconds moved_within = 60 * base::kSecond;
  friend bool operator==(const RailSettings&, const RailSettings&) = default;
};

/// One backend of the pool at an update.
struct RailInput {
  std::uint32_t configured = 0;
  std::uint32_t before = 0;  // in force; 0: it joins, or takes no new flows: no rail holds it
  std::uint32_t wanted = 0;  // by the policy; 0 as above
};

enum class Rail : std::uint8_t { kNone, kDeadBand, kStep, kFloor, kCeiling, kMoved };

struct Railed {
  std::uint32_t weight = 0;
  Rail bound = Rail::kNone;  // the one that decided last
};

/// What may still move of a pool; begins full.
struct MoveBudget {
  double left = 0;  // of the slots; rounding may overdraw it by one
  base::Nanoseconds at = 0;
  bool begun = false;
  friend bool operator==(const MoveBudget&, const MoveBudget&) = default;
};

/// In this order: dead band, floor and ceiling, step, moves; none is crossed for the sake of
/// another, but for the rounding of weights to whole numbers. Floor and ceiling are of the share
/// that the configured weights alone would give, among the backends that rails hold; what one may
/// not have the others share as the policy wants them. Who is beyond them in the weights in force
/// comes back by steps, and never goes further out. Where steps one by one would cross a floor or
/// ceiling on their way, and where the budget of moves is too small, all backends go the same part
/// of their way: shares are then between the old and the wanted ones. Moves are estimated from
/// shares: half the sum of their differences. Weights above 0 stay above 0.
std::vector<Railed> apply_rails(
    const RailSettings& settings,
    const std::vector<RailInput>& pool,
    MoveBudget& budget,
    base::Nanoseconds now
);

/// What rails remember of a pool between its turns.
struct RailMemory {
  std::map<std::string, std::uint32_t> configured;  // of the usable backends, at the last turn
  MoveBudget moves;
  friend bool operator==(const RailMemory&, const RailMemory&) = default;
};

/// Holds `fresh` to the rails, against the weights in force: `before(i)`, 0: none yet. They hold
/// policies, not operators: when a configured weight changes, or a backend goes or comes, the pool
/// goes its whole way once. Called after each update().
void hold_to_rails(
    const RailSettings& settings,
    const Snapshot& snapshot,
    const std::function<std::uint32_t(std::size_t)>& before,
    base::Nanoseconds now,
    RailMemory& memory,
    Weights& fresh
);

/// "held by the largest step, 10 % an update"; "" for none.
std::string rail_text(Rail rail, const RailSettings& settings);

/// Of the slots: half the sum of the differences of shares.
double moved_share(const std::vector<double>& before, const std::vector<double>& after);

}  // namespace fairlead::policy
