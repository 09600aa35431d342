// SPDX-License-Identifier: BSD-3-Clause
// Derivation of one layer from the one below it.
#include "control/steering/layers.hh"

#include <algorithm>
#include <utility>

namespace fairlead::steering {

namespace {

using base::Result;

template <typename Weight>
std::vector<Weighted> weighed(const LayerInput& in, const Weight& weight) {
  std::vector<Weighted> out;
  out.reserve(in.members.size());
  for (const TableMember& m : in.members) out.push_back({m.member, weight(m)});
  return out;
}

std::vector<Weighted> by_configuration(const LayerInput& in) {
  return weighed(in, [](const TableMember& m) { return m.configured; });
}

std::vector<Weighted> by_weight(const LayerInput& in) {
  return weighed(in, [](const TableMember& m) { return m.weight; });
}

/// Whether the weights in force are still those of the layer.
bool still_weighs(const Layer& layer, const LayerInput& in) {
  if (layer.members.size() != in.members.size()) return false;
  for (std::size_t i = 0; i < in.members.size(); ++i) {
    const TableMember& m = in.members[i];
    const Weighted& then = layer.members[i];
    const bool absent = layer.adopted && then.weight == 0 && !m.active;
    if (then.member != m.member || (then.weight != m.weight && !absent)) return false;
  }
  return true;
}

/// The table of `members` from the slots of `from`, as positions in `members`.
Result<MaglevTable> derive(
    const Layer* from, const std::vector<Weighted>& members, const LayerInput& in
) {
  std::vector<MaglevBackend> backends;
  backends.reserve(members.size());
  for (std::size_t i = 0; i < members.size(); ++i)
    backends.push_back({in.identities[i], members[i].weight});
  std::vector<std::uint32_t> owners;
  if (from != nullptr && from->slots.size() == in.size) {
    const std::vector<std::uint32_t> position = positions_of(members);
    owners.reserve(from->slots.size());
    for (const std::uint32_t member : from->slots)
      owners.push_back(member < position.size() ? position[member] : kNobody);
  }
  return build_table(backends, owners, in.size);
}

/// `from` itself where that says the same.
Result<SharedLayer> layer_of(
    const SharedLayer& from, std::vector<Weighted> members, const LayerInput& in
) {
  if (from != nullptr && from->members == members && from->slots.size() == in.size) return from;
  FL_ASSIGN(MaglevTable built, derive(from.get(), members, in));
  for (std::uint32_t& slot : built.slots) slot = members[slot].member;
  return std::make_shared<const Layer>(Layer{std::move(members), std::move(built.slots), false});
}

/// Weights that a published table was made of: its own where a member was active. A member that
/// was not has the weight it has now, which is a guess that the result is compared for.
std::vector<Weighted> weights_then(const std::vector<Weighted>& published, const LayerInput& in) {
  const std::vector<std::uint32_t> position = positions_of(published);
  return weighed(in, [&](const TableMember& m) {
    const std::uint32_t at = m.member < position.size() ? position[m.member] : kNobody;
    return at == kNobody || published[at].weight == 0 ? m.weight : published[at].weight;
  });
}

/// `published` in the order of `in`; empty if the pool has other members now.
std::vector<Weighted> same_members(const std::vector<Weighted>& published, const LayerInput& in) {
  const std::vector<std::uint32_t> position = positions_of(published);
  std::vector<Weighted> out;
  for (const TableMember& m : in.members)
    if (m.member < position.size() && position[m.member] != kNobody)
      out.push_back(published[position[m.member]]);
  if (out.size() != in.members.size() || out.size() != published.size()) out.clear();
  return out;
}

}  // namespace

Layer layer_of_base(
    const FleetBase& fleet, const std::vector<std::string_view>& ids, const LayerInput& in
) {
  const BaseTable& base = *fleet.base;
  std::vector<std::uint32_t> number(base.ids.size(), kNobody);
  for (std::size_t i = 0, j = 0; i < base.ids.size(); ++i) {  // both by rising id
    while (j < ids.size() && ids[j] < base.ids[i]) ++j;
    if (j < ids.size() && ids[j] == base.ids[i]) number[i] = in.members[j].member;
  }
  Layer out;
  if (fleet.fits) out.members = by_configuration(in);
  out.slots.reserve(base.owners.size());
  for (const std::uint32_t owner : base.owners) out.slots.push_back(number[owner]);
  return out;
}

bool is_base_of(const Layer& layer, const LayerInput& in) {
  return layer.members == by_configuration(in);
}

Result<Layers> next_layers(const Layers& before, const LayerInput& in, const SharedLayer& base) {
  Layers next{base, nullptr};
  if (base == nullptr) {
    FL_ASSIGN(next.base, layer_of(before.base, by_configuration(in), in));
  }
  if (next.base == before.base && before.weighted != nullptr &&
      still_weighs(*before.weighted, in)) {
    next.weighted = before.weighted;
    return next;
  }
  FL_ASSIGN(next.weighted, layer_of(next.base, by_weight(in), in));
  return next;
}

Result<MaglevTable> published_table(const Layer& weighted, const LayerInput& in) {
  const auto effective = weighed(in, [](const TableMember& m) { return m.effective(); });
  // An adopted layer has slots that its weights did not make: they are given out now.
  if (weighted.adopted || weighted.members != effective || weighted.slots.size() != in.size)
    return derive(&weighted, effective, in);
  // Everybody is up: built again it would be the same table.
  const std::vector<std::uint32_t> position = positions_of(effective);
  MaglevTable table;
  table.counts.assign(effective.size(), 0);
  table.slots.resize(weighted.slots.size());
  for (std::size_t s = 0; s < table.slots.size(); ++s) {
    table.slots[s] = position[weighted.slots[s]];
    ++table.counts[table.slots[s]];
  }
  return table;
}

Result<Layers> adopted_layers(
    const std::vector<std::uint32_t>& slots,
    const std::vector<Weighted>& published,
    const LayerInput& in
) {
  std::vector<Weighted> active = same_members(published, in);
  // Other members now: known by no layer, so that the base is derived anew from these slots.
  if (active.empty()) {
    const auto layer = std::make_shared<const Layer>(Layer{{}, slots, true});
    return Layers{layer, layer};
  }
  Layers fresh;
  FL_ASSIGN(fresh.base, layer_of(nullptr, by_configuration(in), in));
  FL_ASSIGN(fresh.weighted, layer_of(fresh.base, weights_then(published, in), in));
  FL_ASSIGN(const SharedLayer result, layer_of(fresh.weighted, active, in));
  if (result->slots == slots) return fresh;
  return Layers{
      std::make_shared<const Layer>(Layer{by_configuration(in), slots, true}),
      std::make_shared<const Layer>(Layer{std::move(active), slots, true})};
}

}  // namespace fairlead::steering
