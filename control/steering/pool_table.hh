// SPDX-License-Identifier: BSD-3-Clause
// One vip's table with what it was built of. Immutable and shared: a plan that leaves a pool as it
// is neither builds, copies nor sums up its table again.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "control/steering/keyed_hash.hh"
#include "control/steering/layers.hh"
#include "dataplane/base/result.hh"

namespace fairlead::steering {

struct PoolTable {
  std::vector<TableMember> members;    // the pool's, by rising id; empty: not known (restored)
  std::vector<std::uint32_t> slots;    // as in the bank (fl_slot_member); none: nobody to send to
  std::vector<std::uint32_t> earlier;  // member numbers that slots name as their earlier owners,
                                       // and all of a small pool (FL_FEW_MEMBERS)
  std::vector<std::uint32_t> counts;   // slots of each of `members`
  std::uint64_t checksum = 0;          // of slots and earlier owners
  std::uint64_t meaning = 0;           // of the owners' positions in `members`, see digest
  std::uint32_t size = 0;              // of the layers below; `slots` may be none
  Layers layers;                       // what the slots are derived from; empty: restored
  std::vector<Weighted> published;     // restored: members that the bank knows, by effective weight
  SharedBase fleet;                    // what the fleet had stored for the pool
};
using SharedTable = std::shared_ptr<const PoolTable>;

/// A table that was published before this process began, and its members as the bank has them
/// (weight 0 for those that were not active).
SharedTable restored_table(
    std::span<const std::uint32_t> slots,
    std::span<const std::uint32_t> earlier,
    std::vector<Weighted> published
);

/// A table as the next generation has it, and what that means for the one before.
struct NextTable {
  SharedTable table;
  std::uint32_t moved = 0;                  // slots; all when the size changed or nobody had any
  std::vector<std::uint32_t> slots_before;  // of each member
};

/// The table of `members` (with their ids, by rising id) after `previous` (null: there is none):
/// derived from the fleet's base where that fits, else from the layers of that one, while slots
/// that move remember their owners in it. The same members, weights, size and base are the same
/// table, not an equal one. Pure. Errors: those of build_table().
base::Result<NextTable> next_table(
    const SharedTable& previous,
    std::vector<TableMember> members,
    const std::vector<std::string_view>& ids,
    std::uint32_t size,
    const HashKey& key,
    const FleetBase& fleet = {}
);

}  // namespace fairlead::steering
