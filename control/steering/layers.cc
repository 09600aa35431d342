// SPDX-License-Identifier: BSD-3-Clause
// Derivation of one layer from the one below it.
#include "control/steering/layers.hh"

#include <algorithm>
#include <utility>

namespace fairlead::steering {

namespace {

using base::Result;
using Weights = std::vector<std::uint32_t>;

template <typename Weight>
Weights weighed(const LayerInput& in, const Weight& weight) {
  Weights out;
  out.reserve(in.members.size());
  for (const TableMember& m : in.members) out.push_back(weight(m));
  return out;
}

Weights by_configuration(const LayerInput& in) {
  return weighed(in, [](const TableMember& m) { return m.configured; });
}

Weights by_weight(const LayerInput& in) {
  return weighed(in, [](const TableMember& m) { return m.weight; });
}

/// Whether the weights in force are still those of the layer.
bool still_weighs(const Layer& layer, const LayerInput& in) {
  if (!same_ids(layer.ids, in.ids) || layer.weights.size() != in.members.size()) return false;
  for (std::size_t i = 0; i < in.members.size(); ++i) {
    const TableMember& m = in.members[i];
    const bool absent = layer.adopted && layer.weights[i] == 0 && !m.active;
    if (layer.weights[i] != m.weight && !absent) return false;
  }
  return true;
}

/// A layer of these weights, after `from` (null: from nothing).
Result<SharedLayer> derive(const Layer* from, Weights weights, const LayerInput& in) {
  std::vector<MaglevBackend> backends;
  backends.reserve(weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i)
    backends.push_back({in.identities[i], weights[i]});
  std::span<const std::uint32_t> owners;
  std::vector<std::uint32_t> translated;
  if (from != nullptr && from->slots.size() == in.size) {
    owners = from->slots;
    if (!same_ids(from->ids, in.ids)) {
      const std::vector<std::uint32_t> now = positions_in(in.ids, from->ids);
      translated.reserve(owners.size());
      for (const std::uint32_t owner : owners) translated.push_back(now[owner]);
      owners = translated;
    }
  }
  FL_ASSIGN(MaglevTable built, build_table(backends, owners, in.size));
  return std::make_shared<const Layer>(Layer{
      in.ids, std::move(weights), std::move(built.slots), std::move(built.counts), false});
}

/// `from` itself where that says the same.
Result<SharedLayer> layer_of(const SharedLayer& from, Weights weights, const LayerInput& in) {
  if (from != nullptr && from->weights == weights && same_ids(from->ids, in.ids) &&
      from->slots.size() == in.size)
    return from;
  return derive(from.get(), std::move(weights), in);
}

/// Weights that a published table was made of: its own where a backend was active. One that was not
/// has the weight it has now, which is a guess that the result is compared for.
Weights weights_then(const Layer& published, const LayerInput& in) {
  Weights out = by_weight(in);
  for (std::size_t i = 0; i < out.size(); ++i)
    if (published.weights[i] != 0) out[i] = published.weights[i];
  return out;
}

}  // namespace

bool same_ids(const Ids& a, const Ids& b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

bool is_equal(const SharedLayer& a, const SharedLayer& b) {
  if (a == b || a == nullptr || b == nullptr) return a == b;
  return a->adopted == b->adopted && a->weights == b->weights && same_ids(a->ids, b->ids) &&
         a->slots == b->slots;
}

std::vector<std::uint32_t> positions_in(const Ids& now, const Ids& before) {
  std::vector<std::uint32_t> out(before->size(), kNobody);
  for (std::size_t i = 0, j = 0; i < before->size(); ++i) {  // both rise
    while (j < now->size() && (*now)[j] < (*before)[i]) ++j;
    if (j < now->size() && (*now)[j] == (*before)[i]) out[i] = static_cast<std::uint32_t>(j);
  }
  return out;
}

Layer layer_of_base(const FleetBase& fleet, const LayerInput& in) {
  const BaseTable& base = *fleet.base;
  Layer out;
  out.slots = base.owners;
  if (!fleet.fits) {
    out.ids = std::make_shared<const std::vector<std::string>>(base.ids);
    return out;
  }
  out.ids = in.ids;
  out.weights = by_configuration(in);
  out.counts.assign(out.weights.size(), 0);
  for (const std::uint32_t owner : out.slots) ++out.counts[owner];
  return out;
}

bool is_base_of(const Layer& layer, const LayerInput& in) {
  return same_ids(layer.ids, in.ids) && layer.weights == by_configuration(in);
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

Result<SharedLayer> published_layer(const SharedLayer& weighted, const LayerInput& in) {
  Weights effective = weighed(in, [](const TableMember& m) { return m.effective(); });
  // An adopted layer has slots that its weights did not make: they are given out now.
  if (weighted->adopted) return derive(weighted.get(), std::move(effective), in);
  return layer_of(weighted, std::move(effective), in);
}

Result<Layers> adopted_layers(const Layer& published, const LayerInput& in) {
  // Other backends now: the base is derived anew from these slots.
  if (!same_ids(published.ids, in.ids)) {
    const auto layer =
        std::make_shared<const Layer>(Layer{published.ids, {}, published.slots, {}, true});
    return Layers{layer, layer};
  }
  Layers fresh;
  FL_ASSIGN(fresh.base, layer_of(nullptr, by_configuration(in), in));
  FL_ASSIGN(fresh.weighted, layer_of(fresh.base, weights_then(published, in), in));
  FL_ASSIGN(const SharedLayer result, layer_of(fresh.weighted, published.weights, in));
  if (result->slots == published.slots) return fresh;
  return Layers{
      std::make_shared<const Layer>(Layer{in.ids, by_configuration(in), published.slots, {}, true}),
      std::make_shared<const Layer>(Layer{in.ids, published.weights, published.slots, {}, true})};
}

}  // namespace fairlead::steering
