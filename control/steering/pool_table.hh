// SPDX-License-Identifier: BSD-3-Clause
// A pool's table with what it was built of. Immutable and shared: a plan that leaves a pool as it
// is neither builds, copies nor sums up its table again, and vips with equal pools have one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "control/steering/keyed_hash.hh"
#include "control/steering/layers.hh"
#include "dataplane/base/result.hh"

namespace fairlead::steering {

/// By position; equal ones of several pools are one.
using SharedNumbers = std::shared_ptr<const std::vector<std::uint32_t>>;
using SharedMembers = std::shared_ptr<const std::vector<TableMember>>;

/// Whether they say the same; by pointer where it can.
bool is_equal(const SharedMembers& a, const SharedMembers& b);

struct PoolTable {
  Ids ids;                               // what positions mean
  SharedMembers members;                 // null: not known (restored)
  std::vector<std::uint32_t> slots;      // as in the bank (fl_slot_owner); none: nobody to send to
  SharedNumbers counts;                  // slots of each of `members`; null: restored
  std::uint64_t checksum = 0;            // of slots
  std::uint64_t meaning = 0;             // of the owners, see digest
  std::uint32_t size = 0;                // of the layers below; `slots` may be none
  Layers layers;                         // what the slots are derived from; empty: restored
  std::vector<std::uint32_t> published;  // restored: effective weights that the bank knows
  SharedBase fleet;                      // what the fleet had stored for the pool
};
using SharedTable = std::shared_ptr<const PoolTable>;

/// A table that was published before this process began, and its backends' weights as the bank has
/// them (0 for those that were not active).
SharedTable restored_table(
    std::span<const std::uint32_t> slots, Ids ids, std::vector<std::uint32_t> published
);

/// A table as the next generation has it, and what that means for the one before.
struct NextTable {
  SharedTable table;
  std::uint32_t moved = 0;     // slots; all when the size changed or nobody had any
  SharedNumbers slots_before;  // of each backend
};

/// Whether two tables are the same, and would be followed by the same.
bool is_equal(const PoolTable& a, const PoolTable& b);

/// What a pool's next table follows from. Equal ones have one table.
struct TableInput {
  SharedTable previous;  // null: there is none
  Ids ids;               // the pool's
  SharedMembers members;
  std::uint32_t size = 0;
  FleetBase fleet;
  friend bool operator==(const TableInput& a, const TableInput& b) {
    return a.previous == b.previous && a.size == b.size && a.fleet == b.fleet &&
           is_equal(a.members, b.members) && same_ids(a.ids, b.ids);
  }
};

/// The next table: derived from the fleet's base where that fits, else from the layers of the
/// previous one, while slots that move remember their owners in it. The same backends, weights,
/// size and base are the same table, not an equal one. Pure. Errors: those of build_table().
base::Result<NextTable> next_table(const TableInput& in, const HashKey& key);

}  // namespace fairlead::steering
