// SPDX-License-Identifier: BSD-3-Clause
// Filling the rows.
#include "control/pool_rows.hh"

#include <algorithm>

namespace fairlead::control {

void PoolRows::configure(const std::vector<model::Vip>& vips, const health::Checks& checks) {
  index_ = PoolIndex(vips);
  rows_.clear();
  weighed_.clear();
  held_.clear();
  left_.assign(index_.backends().size(), 0);
  for (const model::Vip& vip : vips) {
    PoolRow row;
    for (const model::Backend& backend : vip.backends) {
      row.checks.push_back(checks.slot(vip.name, backend.id));
      row.base_weight.push_back(backend.weight);
    }
    row.is_held.assign(vip.backends.size(), 0);
    row.held.assign(vip.backends.size(), HeldAs{});
    rows_.push_back(std::move(row));
  }
  ++edition_;
}

void PoolRows::forget_operators() {
  for (const Own& own : weighed_)
    rows_[own.place.vip].base_weight[own.place.position] = own.configured;
  for (const PoolIndex::Place& place : held_) {
    PoolRow& row = rows_[place.vip];
    row.is_held[place.position] = 0;
    row.held[place.position] = {};
    row.removed.clear();
  }
  weighed_.clear();
  held_.clear();
}

void PoolRows::renew(const OperatorState& operators, const monitor::Intake& intake) {
  forget_operators();
  for (const auto& [member, weight] : operators.weights) {
    const auto place = index_.find(member.first, member.second);
    if (!place) continue;
    std::uint32_t& mine = rows_[place->vip].base_weight[place->position];
    weighed_.push_back({*place, mine});
    mine = weight;
  }
  for (const auto& [member, hold] : operators.holds) {
    const auto place = index_.find(member.first, member.second);
    if (!place) continue;
    held_.push_back(*place);
    PoolRow& row = rows_[place->vip];
    row.is_held[place->position] = 1;
    row.held[place->position] = held_as(operators.holds, member);
    if (row.held[place->position].removed) row.removed.push_back(place->position);
  }
  for (std::size_t v = 0; v < rows_.size(); ++v) {
    std::sort(rows_[v].removed.begin(), rows_[v].removed.end());
    rows_[v].disabled = operators.disabled.count(index_.names()[v]) > 0;
  }
  for (std::size_t n = 0; n < left_.size(); ++n)
    left_[n] = intake.has_left(index_.backends()[n]) ? 1 : 0;
}

}  // namespace fairlead::control
