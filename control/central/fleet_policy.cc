// SPDX-License-Identifier: BSD-3-Clause
// Asking, computing, counting generations.
#include "control/central/fleet_policy.hh"

#include <algorithm>
#include <set>
#include <utility>

#include "control/policy_input.hh"

namespace fairlead::central {
namespace {

using Key = std::pair<std::string, std::string>;  // vip, backend

/// "vip/backend" that more than half of the nodes hold for down.
std::set<std::string> down_for_most(const std::vector<v1::NodeRow>& nodes) {
  std::map<std::string, std::size_t> votes;
  for (const v1::NodeRow& row : nodes)
    for (const std::string& member : row.report().down()) ++votes[member];
  std::set<std::string> out;
  for (const auto& [member, count] : votes)
    if (2 * count > nodes.size()) out.insert(member);
  return out;
}

}  // namespace

void FleetPolicy::lead(std::uint64_t term, std::uint64_t known) {
  term_ = term;
  highest_ = std::max(highest_, known);
  pools_ = control::PoolWeights();
  weights_ = {};
  asked_ = 0;
  computed_ = false;
}

bool FleetPolicy::turn(const Input& input, const Reports& reports, base::Nanoseconds now) {
  hear(input, now);
  if (asked_ < kAsk) {
    const bool answered = weights_.generation != 0;
    asked_ = answered ? kAsk : asked_ + 1;
    if (asked_ < kAsk) return false;
  }
  return run(input, reports, now);
}

// The weights of a node that has the newest generation; and what others have by a number of ours.
void FleetPolicy::hear(const Input& input, base::Nanoseconds now) {
  for (const v1::NodeRow& row : input.nodes) {
    const v1::NodeReport& r = row.report();
    highest_ = std::max(highest_, r.weights_generation());
    // Another's weights under our number: the next generation is for all.
    if (r.weights_generation() == weights_.generation && weights_.generation != 0 &&
        r.weights_digest() != monitor::digest_of(weights_) && computed_) {
      highest_ = std::max(highest_, weights_.generation + 1);
    }
    if (computed_ || !r.has_weights()) continue;
    auto told = monitor::from_wire(r.weights(), term_);
    if (told && told->generation > weights_.generation)
      adopt(std::move(*told), input.config.policy != model::PolicyName::kStatic, now);
  }
}

/// `hold`: they stay while estimates are made anew.
void FleetPolicy::adopt(monitor::FleetWeights told, bool hold, base::Nanoseconds now) {
  weights_ = std::move(told);
  pools_ = control::PoolWeights();
  if (!hold) return;
  std::map<std::string, control::PoolWeights::Restored> pools;
  for (const auto& [vip, pool] : weights_.pools) {
    for (const auto& [id, weight] : pool)
      if (weight.weight > 0) pools[vip][id] = weight.weight;
  }
  pools_.restore(pools, now + kHold);
}

bool FleetPolicy::run(const Input& input, const Reports& reports, base::Nanoseconds now) {
  const bool frozen = input.operators.frozen;
  const std::set<std::string> down = down_for_most(input.nodes);
  const std::vector<model::Vip>& vips = input.config.vips;
  const control::PoolIndex index(vips);
  const auto standings = [&](std::uint32_t v) {
    std::vector<control::PoolWeights::Standing> out;
    out.reserve(vips[v].backends.size());
    for (const model::Backend& backend : vips[v].backends) {
      const Key member(vips[v].name, backend.id);
      const auto by_hand = input.operators.weights.find(member);
      out.push_back(
          {by_hand == input.operators.weights.end() ? backend.weight : by_hand->second,
           down.count(member.first + "/" + backend.id) == 0 &&
               input.operators.holds.count(member) == 0 &&
               input.operators.left.count(backend.id) == 0}
      );
    }
    return out;
  };
  const auto observe = [&](std::uint32_t n) {
    const std::string& id = index.backends()[n];
    policy::Observation out;
    const auto received = reports.find(id);
    if (received != reports.end() && !frozen)
      for (const monitor::Received& r : received->second)
        out.reports.push_back(control::to_policy(r));
    out.in_flight = input.in_flight(id);
    return out;
  };
  control::set_rails(pools_, input.config.rails);
  policy::Parameters parameters;
  parameters.learning = static_cast<policy::Learning>(static_cast<int>(input.config.learning));
  const bool changed =
      pools_.turn(index, {input.config.policy, parameters, now, frozen}, standings, observe);
  return renew(vips, changed || !computed_);
}

/// True: a new generation.
bool FleetPolicy::renew(const std::vector<model::Vip>& vips, bool changed) {
  monitor::FleetWeights next;
  next.term = term_;
  next.generation = weights_.generation;
  next.frozen = pools_.any_frozen();
  for (const model::Vip& vip : vips) {
    auto& pool = next.pools[vip.name];
    const auto before = weights_.pools.find(vip.name);
    for (const model::Backend& backend : vip.backends) {
      const policy::EffectiveWeight* weight = pools_.find(vip.name, backend.id);
      if (weight == nullptr) continue;
      monitor::FleetWeight& out = pool[backend.id];
      out = {weight->weight, weight->parallel, weight->inverse_weight};
      if (changed || before == weights_.pools.end()) continue;
      // An estimate that trembles makes no generation.
      const auto old = before->second.find(backend.id);
      if (old != before->second.end()) out.parallel = old->second.parallel;
    }
  }
  const bool renewed = !computed_ || highest_ > weights_.generation ||
                       monitor::digest_of(next) != monitor::digest_of(weights_);
  computed_ = true;
  if (renewed) next.generation = std::max(highest_, weights_.generation) + 1;
  highest_ = std::max(highest_, next.generation);
  weights_ = std::move(next);
  return renewed;
}

}  // namespace fairlead::central
