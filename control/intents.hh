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
  friend bool operator==(const MemberFacts&, const MemberFacts&) = default;
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

/// What the intents of a configuration in force follow from.
struct IntentInput {
  const std::vector<model::Vip>& vips;
  const PoolRows& rows;  // renewed
  const health::Checks& checks;
  const PoolWeights& weights;
  const FleetBases& bases;
  bool knows_parallel = false;
  bool one_node = false;  // nobody else ever has to find a flow
};
IntentInput intent_input(const Node& node);

/// The same for all pools, with the weights in force. Kept between turns: a pool's description
/// is copied from the configuration when that or its membership changes, a turn puts numbers. Main
/// thread.
class IntentRows {
 public:
  /// The result is good until the next call.
  const std::vector<steering::PoolIntent>& renew(const IntentInput& in);

 private:
  /// What the numbers of a pool follow from. Vips for which it is equal have them from the first.
  struct Given {
    SharedShape shape;
    const PoolWeights::Row* weighed = nullptr;
    std::uint32_t min_healthy_pct = 0;
    std::vector<std::uint32_t> kept;
    std::vector<std::uint32_t> base_weight;
    std::vector<MemberFacts> facts;       // of those kept
    std::vector<std::uint8_t> share_pct;  // likewise
    friend bool operator==(const Given&, const Given&) = default;
  };
  void describe(const IntentInput& in, std::size_t vip);
  [[nodiscard]] Given given_to(const IntentInput& in, std::size_t vip) const;
  void put_numbers(const IntentInput& in, const Given& given, steering::PoolIntent& pool) const;

  std::vector<steering::PoolIntent> pools_;
  std::vector<std::vector<std::uint32_t>> kept_;     // by vip: positions of those not removed
  std::vector<std::vector<std::uint32_t>> removed_;  // as they were when described
  std::uint64_t seen_ = 0;                           // edition of the node's rows
  std::uint64_t editions_ = 0;                       // given to pools
  std::uint64_t numbers_ = 0;                        // likewise, see PoolIntent::numbers
};
/// The same as if `next` were in force: backends that are new count as healthy, the others keep
/// what is known of them, and the policy's factor on their weight.
std::vector<steering::PoolIntent> planned_intents(const Node& node, const config::Config& next);
steering::NodeIntent node_intent(const config::Config& config);
/// What the gate is told of the vips.
std::vector<ebpf::ServedVip> served_vips(const config::Config& config);

}  // namespace fairlead::control
