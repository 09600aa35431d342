// SPDX-License-Identifier: BSD-3-Clause
// The two tables below a published one. A published table is derived from them and not from the
// one published before, so that it depends on configuration and weights and not on the order in
// which backends came up, died and were weighed: nodes agree without talking. Why so, and what it
// costs in slots: docs/steering.md, section 5.
//
//   base      configured weights, all members; the fleet's (base_table.hh) where it has one for
//             just these, else from the base of the configuration before
//   weighted  weights in force, all members, up or not; from the base
//   published the weighted one without those that are down or drain
//
// Each step moves the fewest slots (build_table), so a death moves the slots of the dead and its
// end gives it exactly these back.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "control/steering/base_table.hh"
#include "control/steering/maglev.hh"
#include "dataplane/base/result.hh"

namespace fairlead::steering {

/// A member's number in the bank and a weight, 0..kMaxWeight.
struct Weighted {
  std::uint32_t member = 0;
  std::uint32_t weight = 0;
  friend bool operator==(const Weighted&, const Weighted&) = default;
};

/// A table and what it was built of. Immutable and shared.
struct Layer {
  std::vector<Weighted> members;
  std::vector<std::uint32_t> slots;  // member numbers; none: all weights are 0
  // A published table as it was: who was not active then has weight 0 and no slots, and gets them
  // when it becomes active.
  bool adopted = false;
};
using SharedLayer = std::shared_ptr<const Layer>;

struct Layers {
  SharedLayer base;
  SharedLayer weighted;
};

/// A member of a pool as its table knows it.
struct TableMember {
  std::uint32_t member = 0;      // number in the bank
  std::uint32_t configured = 0;  // weight by configuration
  std::uint32_t weight = 0;      // weight in force, were it active
  bool active = false;           // others own no slots
  friend bool operator==(const TableMember&, const TableMember&) = default;

  [[nodiscard]] std::uint32_t effective() const { return active ? weight : 0; }
};

/// Positions in `members` (anything with a member number) by that number; kNobody for all others.
template <typename Member>
std::vector<std::uint32_t> positions_of(const std::vector<Member>& members) {
  std::vector<std::uint32_t> position;
  for (std::uint32_t i = 0; i < members.size(); ++i) {
    if (position.size() <= members[i].member) position.resize(members[i].member + 1, kNobody);
    position[members[i].member] = i;
  }
  return position;
}

/// A pool at one plan: `members` by rising id, their identities beside them, and the table's size.
struct LayerInput {
  std::span<const TableMember> members;
  std::span<const std::uint64_t> identities;
  std::uint32_t size = 0;
};

/// What the fleet has stored for a pool; null: nothing.
struct FleetBase {
  SharedBase base;
  bool fits = false;  // it is this pool's, else one before it
};

/// The fleet's base in this node's numbers. One that does not fit is nobody's layer: others are
/// derived from it, and slots of ids that the pool does not have belong to nobody.
Layer layer_of_base(
    const FleetBase& fleet, const std::vector<std::string_view>& ids, const LayerInput& in
);

/// The layers of the next plan; those that nothing changed for are the very ones of `before`
/// (empty pointers: from nothing; of another size: likewise). `base`: is the base whatever came
/// before; null: it is derived. Pure. Errors: those of build_table().
base::Result<Layers> next_layers(
    const Layers& before, const LayerInput& in, const SharedLayer& base = nullptr
);

/// Whether `layer` was made for these members and configured weights.
bool is_base_of(const Layer& layer, const LayerInput& in);

/// The table to publish: that of `weighted` without who is not active, as positions in `in`.
base::Result<MaglevTable> published_table(const Layer& weighted, const LayerInput& in);

/// The layers below a table that another process published (slots: member numbers), of which the
/// bank still knows `published`: members with their weights, 0 for those that were not active.
/// They are derived from nothing where that gives the very slots. Otherwise the published table is
/// both layers, as it is: a restart moves no slot, and later plans go on from there.
base::Result<Layers> adopted_layers(
    const std::vector<std::uint32_t>& slots,
    const std::vector<Weighted>& published,
    const LayerInput& in
);

}  // namespace fairlead::steering
