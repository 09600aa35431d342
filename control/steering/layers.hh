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
// end gives it exactly these back. Nothing here knows a vip: slots are positions in a list of
// backends, so that vips with equal pools have one table.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "control/steering/base_table.hh"
#include "control/steering/maglev.hh"
#include "dataplane/base/result.hh"

namespace fairlead::steering {

/// What positions in tables mean: the ids of a pool's backends, rising. Immutable and shared by all
/// that was made for the same.
using Ids = std::shared_ptr<const std::vector<std::string>>;

/// By pointer where it can. Null: nobody's.
bool same_ids(const Ids& a, const Ids& b);

/// By position in `before`: the position in `now`, kNobody where the id has left.
std::vector<std::uint32_t> positions_in(const Ids& now, const Ids& before);

/// A table and what it was built of. Immutable and shared.
struct Layer {
  Ids ids;
  std::vector<std::uint32_t> weights;  // by position; none: not known
  std::vector<std::uint32_t> slots;    // positions; none: all weights are 0
  std::vector<std::uint32_t> counts;   // slots of each; none: not counted
  // A published table as it was: who was not active then has weight 0 and no slots, and gets them
  // when it becomes active.
  bool adopted = false;
};
using SharedLayer = std::shared_ptr<const Layer>;

/// Whether they say the same; by pointer where it can.
bool is_equal(const SharedLayer& a, const SharedLayer& b);

struct Layers {
  SharedLayer base;
  SharedLayer weighted;
};

/// A backend of a pool as its table knows it.
struct TableMember {
  std::uint32_t configured = 0;  // weight by configuration
  std::uint32_t weight = 0;      // weight in force, were it active
  bool active = false;           // others own no slots
  friend bool operator==(const TableMember&, const TableMember&) = default;

  [[nodiscard]] std::uint32_t effective() const { return active ? weight : 0; }
};

/// A pool at one plan: backends by rising id, their identities beside them, and the table's size.
struct LayerInput {
  Ids ids;
  std::span<const TableMember> members;
  std::span<const std::uint64_t> identities;
  std::uint32_t size = 0;
};

/// What the fleet has stored for a pool; null: nothing.
struct FleetBase {
  SharedBase base;
  bool fits = false;  // it is this pool's, else one before it
  friend bool operator==(const FleetBase&, const FleetBase&) = default;
};

/// The fleet's base as a layer. One that does not fit is nobody's: others are derived from it.
Layer layer_of_base(const FleetBase& fleet, const LayerInput& in);

/// The layers of the next plan; those that nothing changed for are the very ones of `before`
/// (empty pointers: from nothing; of another size: likewise). `base`: is the base whatever came
/// before; null: it is derived. Pure. Errors: those of build_table().
base::Result<Layers> next_layers(
    const Layers& before, const LayerInput& in, const SharedLayer& base = nullptr
);

/// Whether `layer` was made for these backends and configured weights.
bool is_base_of(const Layer& layer, const LayerInput& in);

/// The table to publish: that of `weighted` without who is not active; the same where all are.
base::Result<SharedLayer> published_layer(const SharedLayer& weighted, const LayerInput& in);

/// The layers below a table that another process published: `published` has the slots, and the
/// weights that the bank knows, 0 for who was not active. They are derived from nothing where that
/// gives the very slots. Otherwise the published table is both layers, as it is: a restart moves no
/// slot, and later plans go on from there.
base::Result<Layers> adopted_layers(const Layer& published, const LayerInput& in);

}  // namespace fairlead::steering
