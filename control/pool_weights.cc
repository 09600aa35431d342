// SPDX-License-Identifier: BSD-3-Clause
// Running the policies.
#include "control/pool_weights.hh"

#include <algorithm>
#include <utility>

namespace fairlead::control {
namespace {

// An estimate that trembles makes no generations: a tenth, and at least 1, is a move.
bool moved(std::uint32_t before, std::uint32_t after) {
  const std::uint32_t distance = before > after ? before - after : after - before;
  return distance > 0 && (before == 0 || distance > std::max<std::uint32_t>(1, before / 10));
}

}  // namespace

void PoolWeights::restore(
    const steer::TableView& table, const steer::Names& names, base::Nanoseconds hold_until
) {
  std::map<std::string, Restored> pools;
  for (const fl_member& member : table.members()) {
    if (member.state != FL_MEMBER_ACTIVE || member.weight == 0) continue;
    pools[std::string(names.vip(member.vip))][std::string(names.backend(member.backend))] =
        member.weight;
  }
  restore(pools, hold_until);
}

void PoolWeights::restore(
    const std::map<std::string, Restored>& pools, base::Nanoseconds hold_until
) {
  hold_until_ = hold_until;
  for (const auto& [vip, weights] : pools) {
    Pool& pool = pools_[vip];
    for (const auto& [id, weight] : weights) {
      pool.restored[id] = weight;
      // The policy steps from here, not from its prior.
      policy::BackendState& state = pool.state.backends[id];
      state.table_weight = weight;
      state.score_weight = weight;
      state.given = weight;
    }
  }
}

bool PoolWeights::give(Given pools, bool frozen) {
  ++turns_;
  bool changed = false;
  std::map<std::string, Pool> next;
  for (auto& [vip, weights] : pools) {
    Pool pool = std::move(pools_[vip]);
    pool.frozen = frozen;
    changed = changed || weights.size() != pool.weights.size();
    for (const auto& [id, weight] : weights) {
      const auto old = pool.weights.find(id);
      changed = changed || old == pool.weights.end() || old->second.weight != weight.weight ||
                old->second.parallel != weight.parallel;
    }
    pool.weights = std::move(weights);
    next.emplace(vip, std::move(pool));
  }
  pools_ = std::move(next);
  return changed;
}

bool PoolWeights::turn(
    const std::vector<model::Vip>& vips,
    model::PolicyName policy,
    const policy::Parameters& parameters,
    base::Nanoseconds now,
    const InputOf& input
) {
  ++turns_;
  bool changed = false;
  std::map<std::string, Pool> next;
  for (const model::Vip& vip : vips) {
    Pool pool = std::move(pools_[vip.name]);
    policy::Snapshot snapshot{policy, {}, parameters};
    snapshot.parameters.choices = vip.choices;
    policy::Observations observed;
    observed.now = now;
    for (const model::Backend& backend : vip.backends) {
      Input in = input(vip, backend);
      snapshot.backends.push_back({backend.id, in.configured, backend.capacity, in.usable});
      observed.backends.push_back(std::move(in.observation));
    }
    const base::Nanoseconds dt = pool.last_turn == 0 ? 0 : now - pool.last_turn;
    if (log_ != nullptr) log_->begin(vip.name, pool.state);
    auto fresh = policy::update(snapshot, observed, pool.state, dt);
    if (log_ != nullptr) log_->end(vip.name, snapshot, observed, dt, fresh, pool.state);
    const auto in_force = [&](std::size_t i) {
      const auto before = pool.weights.find(snapshot.backends[i].id);
      return before == pool.weights.end() ? 0U : before->second.weight;
    };
    policy::hold_to_rails(rails_, snapshot, in_force, now, pool.rails, fresh);
    pool.last_turn = now;
    pool.frozen = fresh.frozen;
    changed = adopt(pool, vip, fresh, now < hold_until_) || changed;
    next.emplace(vip.name, std::move(pool));
  }
  pools_ = std::move(next);
  return changed;
}

bool PoolWeights::adopt(
    Pool& pool, const model::Vip& vip, const policy::Weights& fresh, bool hold
) {
  std::map<std::string, policy::EffectiveWeight> weights;
  bool changed = false;
  for (std::size_t i = 0; i < vip.backends.size(); ++i) {
    const std::string& id = vip.backends[i].id;
    policy::EffectiveWeight weight = fresh.backends[i];
    const auto restored = pool.restored.find(id);
    if (hold && restored != pool.restored.end() && weight.weight != 0) {
      weight.weight = restored->second;
      weight.inverse_weight = policy::score_inverse_weight(restored->second);
      weight.why = "as published before the restart, estimates are being made";
    }
    const auto old = pool.weights.find(id);
    changed = changed || old == pool.weights.end() || old->second.weight != weight.weight ||
              moved(old->second.parallel, weight.parallel);
    weights.emplace(id, std::move(weight));
  }
  pool.weights = std::move(weights);
  return changed;
}

const policy::EffectiveWeight* PoolWeights::find(const std::string& vip, const std::string& backend)
    const {
  const auto pool = pools_.find(vip);
  if (pool == pools_.end()) return nullptr;
  const auto weight = pool->second.weights.find(backend);
  return weight == pool->second.weights.end() ? nullptr : &weight->second;
}

bool PoolWeights::any_frozen() const {
  for (const auto& [name, pool] : pools_) {
    if (pool.frozen) return true;
  }
  return false;
}

}  // namespace fairlead::control
