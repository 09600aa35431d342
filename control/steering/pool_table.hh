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
#include "dataplane/base/result.hh"

namespace fairlead::steering {

/// A member of a pool as its table knows it.
struct TableMember {
  std::uint32_t member = 0;  // number in the bank
  std::uint32_t weight = 0;  // 0..kMaxWeight; 0 owns no slots
  friend bool operator==(const TableMember&, const TableMember&) = default;
};

struct PoolTable {
  std::vector<TableMember> members;    // the pool's, by rising id; empty: not known (restored)
  std::vector<std::uint32_t> slots;    // as in the bank (fl_slot_member); none: nobody to send to
  std::vector<std::uint32_t> earlier;  // member numbers that slots name as their earlier owners
  std::vector<std::uint32_t> counts;   // slots of each of `members`
  std::uint64_t checksum = 0;          // of slots and earlier owners
  std::uint64_t meaning = 0;           // of the owners' positions in `members`, see digest
};
using SharedTable = std::shared_ptr<const PoolTable>;

/// A table that was published before this process began.
SharedTable restored_table(
    std::span<const std::uint32_t> slots, std::span<const std::uint32_t> earlier
);

/// A table as the next generation has it, and what that means for the one before.
struct NextTable {
  SharedTable table;
  std::uint32_t moved = 0;                  // slots; all of them when the size changed
  std::vector<std::uint32_t> slots_before;  // of each member
};

/// The table of `members` (with their ids, by rising id) from its previous one (null: there is
/// none). The same members, weights and size are the same table, not an equal one. Pure. Errors:
/// those of build_table().
base::Result<NextTable> next_table(
    const SharedTable& previous,
    std::vector<TableMember> members,
    const std::vector<std::string_view>& ids,
    std::uint32_t size,
    const HashKey& key
);

}  // namespace fairlead::steering
