// SPDX-License-Identifier: BSD-3-Clause
// Desired state + operators + health + weights -> what the tables should say. Pure.
#pragma once

#include <vector>

#include "control/health/checks.hh"
#include "control/model/model.hh"
#include "control/node.hh"
#include "control/steering/steering.hh"

namespace fairlead::control {

struct MemberFacts {
  health::State health = health::State::kUnknown;
  bool draining = false;
  bool off = false;       // an operator's word: down whatever health says
  bool in_doubt = false;  // down only a moment ago: its flows stay
};

/// State of every backend of a pool, in order.
///   * off: down, and no part of the healthy fraction.
///   * unhealthy: down; its flows re-decide. Also while draining.
///   * unhealthy, but in doubt: draining. It gets nothing new and keeps its flows.
///   * not probed yet: down where another backend of the pool is up (a joining backend proves
///   itself
///     first), active where none is (nobody to protect).
///   * fewer healthy than min_healthy_pct of those not draining: health is ignored (fail open).
std::vector<fl_member_state> member_states(
    const std::vector<MemberFacts>& members, std::uint32_t min_healthy_pct
);

/// The same for the whole node, with the weights in force.
std::vector<steering::PoolIntent> pool_intents(const Node& node);
/// The same as if `next` were in force: backends that are new count as healthy, the others keep
/// what is known of them, and the policy's factor on their weight.
std::vector<steering::PoolIntent> planned_intents(const Node& node, const config::Config& next);
steering::NodeIntent node_intent(const config::Config& config);
/// What the gate is told of the vips.
std::vector<ebpf::ServedVip> served_vips(const config::Config& config);

}  // namespace fairlead::control
