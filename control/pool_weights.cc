// SPDX-License-Identifier: BSD-3-Clause
// Running the policies.
#include "control/pool_weights.hh"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace fairlead::control {
namespace {

constexpr const char* kFrozen = "frozen by operator";

/// What a frozen pool has of one backend.
struct Frozen {
  std::optional<policy::EffectiveWeight> weight;
  std::optional<std::uint32_t> configured;  // that it follows from
  [[nodiscard]] bool is_base(std::uint32_t now) const {
    return weight && weight->weight > 0 && configured.value_or(now) > 0;
  }
};

policy::EffectiveWeight weight_of(double weight, const char* why) {
  const double whole = std::clamp(std::round(weight), 1.0, 10'000.0);
  return {
      static_cast<std::uint32_t>(whole),
      policy::score_inverse_weight(whole),
      0,
      std::string(kFrozen) + ", " + why};
}

/// `factor`: weight in force for a configured 1, over the pool's others.
policy::EffectiveWeight frozen_weight(const Frozen& old, std::uint32_t configured, double factor) {
  if (configured == 0) return {0, UINT32_MAX, 0, std::string(kFrozen) + ", configured weight 0"};
  if (!old.is_base(configured)) return weight_of(factor * configured, "new, as the others");
  const std::uint32_t before = old.configured.value_or(configured);
  policy::EffectiveWeight out = *old.weight;
  if (before != configured) {
    out = weight_of(1.0 * out.weight * configured / before, "follows its configured weight");
    out.parallel = old.weight->parallel;
  } else {
    out.why = kFrozen;
  }
  return out;
}

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
    auto next = std::make_shared<Pool>(*pool(vip));
    for (const auto& [id, weight] : weights) {
      next->restored[id] = weight;
      // The policy steps from here, not from its prior.
      policy::BackendState& state = next->state.backends[id];
      state.table_weight = weight;
      state.score_weight = weight;
      state.given = weight;
    }
    pools_[vip] = std::move(next);
  }
}

bool PoolWeights::give(Given pools, bool frozen) {
  ++turns_;
  bool changed = false;
  std::map<std::string, SharedPool> next;
  for (auto& [vip, weights] : pools) {
    const SharedPool before = pool(vip);
    auto given = std::make_shared<Pool>(*before);
    given->frozen = frozen;
    PoolShape shape;
    given->row.weights.clear();
    given->row.configured.clear();
    for (auto& [id, weight] : weights) {
      const policy::EffectiveWeight* old = find(vip, id);
      changed = changed || old == nullptr || old->weight != weight.weight ||
                old->parallel != weight.parallel;
      shape.ids.push_back(id);
      given->row.weights.push_back(std::move(weight));
    }
    changed = changed || weights.size() != before->row.weights.size();
    if (before->row.shape == nullptr || before->row.shape->ids != shape.ids) {
      shape.by_id = order_of(shape.ids);
      given->row.shape = std::make_shared<const PoolShape>(std::move(shape));
    }
    next.emplace(vip, std::move(given));
  }
  pools_ = std::move(next);
  return changed;
}

bool PoolWeights::same_past(const Pool& a, const Pool& b) {
  return a.last_turn == b.last_turn && a.frozen == b.frozen && a.restored == b.restored &&
         a.rails == b.rails && a.row.shape == b.row.shape && a.row.weights == b.row.weights &&
         a.row.configured == b.row.configured && a.state == b.state;
}

bool PoolWeights::turn(
    const PoolIndex& index,
    const Turn& turn,
    const StandingsOf& standings,
    const ObservationOf& observe
) {
  ++turns_;
  bool changed = false;
  std::map<std::string, SharedPool> next;
  std::vector<Group> groups;
  for (std::uint32_t v = 0; v < index.names().size(); ++v) {
    Group mine;
    mine.before = pool(index.names()[v]);
    mine.shape = index.pools()[v];
    mine.standings = standings(v);
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& g) {
      return g.shape == mine.shape && g.standings == mine.standings &&
             (g.before == mine.before || same_past(*g.before, *mine.before));
    });
    if (group == groups.end()) {
      group = groups.insert(groups.end(), std::move(mine));
      group->kept = turn.frozen && keep(*group);
      if (!group->kept) weigh(*group, turn, observe);
    }
    changed = changed || group->changed;
    if (log_ != nullptr && !group->kept) {
      const std::string& name = index.names()[v];
      log_->begin(name, group->before->state);
      log_->end(
          name, group->snapshot, group->observed, group->dt, group->decided, group->after->state
      );
    }
    next.emplace(index.names()[v], group->after);
  }
  pools_ = std::move(next);
  return changed;
}

bool PoolWeights::keep(Group& group) {
  const Pool& before = *group.before;
  const std::vector<std::string>& ids = group.shape->ids;
  std::vector<Frozen> old(ids.size());
  double in_force = 0;
  double configured = 0;
  for (std::uint32_t i = 0; i < ids.size(); ++i) {
    Frozen& mine = old[i];
    const auto at = before.row.shape == nullptr ? std::nullopt : before.row.shape->position(ids[i]);
    const auto restored = before.restored.find(ids[i]);
    if (at) {
      mine.weight = before.row.weights[*at];
      if (!before.row.configured.empty()) mine.configured = before.row.configured[*at];
    } else if (restored != before.restored.end()) {
      mine.weight = weight_of(restored->second, "");
    }
    const std::uint32_t now = group.standings[i].configured;
    if (!mine.is_base(now)) continue;
    in_force += mine.weight->weight;
    configured += mine.configured.value_or(now);
  }
  if (!(in_force > 0 && configured > 0)) return false;
  auto pool = std::make_shared<Pool>(before);
  pool->row = {group.shape, {}, {}};
  for (std::uint32_t i = 0; i < ids.size(); ++i) {
    const std::uint32_t now = group.standings[i].configured;
    pool->row.configured.push_back(now);
    pool->row.weights.push_back(frozen_weight(old[i], now, in_force / configured));
    group.changed =
        group.changed || !old[i].weight || old[i].weight->weight != pool->row.weights.back().weight;
  }
  group.after = std::move(pool);
  return true;
}

void PoolWeights::weigh(Group& group, const Turn& turn, const ObservationOf& observe) const {
  const PoolShape& shape = *group.shape;
  group.snapshot = {turn.policy, {}, turn.parameters};
  group.snapshot.parameters.choices = shape.choices;
  group.observed.now = turn.now;
  auto pool = std::make_shared<Pool>();
  for (std::size_t i = 0; i < shape.ids.size(); ++i) {
    const Standing& s = group.standings[i];
    pool->row.configured.push_back(s.configured);
    group.snapshot.backends.push_back({shape.ids[i], s.configured, shape.capacity[i], s.usable});
    group.observed.backends.push_back(observe(shape.backends[i]));
  }
  const bool hold = turn.now < hold_until_;
  pool->row.shape = group.shape;
  pool->state = group.before->state;
  pool->rails = group.before->rails;
  if (hold) pool->restored = group.before->restored;
  pool->last_turn = turn.now;
  group.dt = group.before->last_turn == 0 ? 0 : turn.now - group.before->last_turn;
  auto fresh = policy::update(group.snapshot, group.observed, pool->state, group.dt);
  if (log_ != nullptr) group.decided = fresh;
  const auto before = group.before->row.as(group.shape);
  const auto in_force = [&](std::size_t i) {
    return before[i] == nullptr ? 0U : before[i]->weight;
  };
  policy::hold_to_rails(rails_, group.snapshot, in_force, turn.now, pool->rails, fresh);
  pool->frozen = fresh.frozen;
  group.changed = adopt(*pool, group.before->row, std::move(fresh), hold);
  group.after = std::move(pool);
}

bool PoolWeights::adopt(Pool& pool, const Row& before, policy::Weights fresh, bool hold) {
  const std::vector<std::string>& ids = pool.row.shape->ids;
  const auto old = before.as(pool.row.shape);
  bool changed = false;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    policy::EffectiveWeight& weight = fresh.backends[i];
    const auto restored = hold ? pool.restored.find(ids[i]) : pool.restored.end();
    if (restored != pool.restored.end() && weight.weight != 0) {
      weight.weight = restored->second;
      weight.inverse_weight = policy::score_inverse_weight(restored->second);
      weight.why = "as published before the restart, estimates are being made";
    }
    changed = changed || old[i] == nullptr || old[i]->weight != weight.weight ||
              moved(old[i]->parallel, weight.parallel);
  }
  pool.row.weights = std::move(fresh.backends);
  return changed;
}

std::vector<const policy::EffectiveWeight*> PoolWeights::Row::as(const SharedShape& other) const {
  std::vector<const policy::EffectiveWeight*> out(other->ids.size(), nullptr);
  if (shape == nullptr) return out;
  for (std::uint32_t i = 0; i < out.size(); ++i) {
    const auto at = shape == other ? std::optional(i) : shape->position(other->ids[i]);
    if (at) out[i] = &weights[*at];
  }
  return out;
}

PoolWeights::SharedPool PoolWeights::pool(const std::string& vip) const {
  const auto known = pools_.find(vip);
  return known == pools_.end() ? nothing_ : known->second;
}

const PoolWeights::Row* PoolWeights::row(const std::string& vip) const {
  const auto known = pools_.find(vip);
  return known == pools_.end() ? nullptr : &known->second->row;
}

const policy::EffectiveWeight* PoolWeights::find(const std::string& vip, const std::string& backend)
    const {
  const Row* const known = row(vip);
  if (known == nullptr || known->shape == nullptr) return nullptr;
  const auto at = known->shape->position(backend);
  return at ? &known->weights[*at] : nullptr;
}

bool PoolWeights::any_frozen() const {
  return std::any_of(pools_.begin(), pools_.end(), [](const auto& p) { return p.second->frozen; });
}

}  // namespace fairlead::control
