// SPDX-License-Identifier: BSD-3-Clause
// Weighted Maglev tables with exact shares, built from the previous table with the least moves.
// The algorithm, precisely: docs/steering.md, section 3; independent oracle:
// tests/oracle/maglev.py.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/base/result.hh"

namespace fairlead::steering {

inline constexpr std::uint32_t kMaxWeight = 10000;
inline constexpr std::uint32_t kNobody = 0xffffffff;  // a slot without owner

/// A backend as the builder sees it. `identity` is keyed_hash(id): equal on every node of a fleet.
struct MaglevBackend {
  std::uint64_t identity = 0;
  std::uint32_t weight = 0;  // 0..kMaxWeight; 0 gets no slots
};

/// A table and what changed.
struct MaglevTable {
  std::vector<std::uint32_t> slots;   // position in the list of backends
  std::vector<std::uint32_t> counts;  // slots per backend
  std::uint32_t moved = 0;            // slots whose owner differs from the previous table's

  friend bool operator==(const MaglevTable&, const MaglevTable&) = default;
};

/// Sizes that `table_size` may have, rising: primes just above or below powers of two.
std::span<const std::uint32_t> table_sizes();
bool is_table_size(std::uint32_t size);
/// model::default_table_size().
std::uint32_t table_size_for(std::size_t backends);

/// Slots that every backend should own: sum is `size`, each within one slot (or 1 %) of its
/// weight's share, at least one for every weight above 0. Keeps `previous` counts where they are
/// near enough, so that rounding never moves a slot. `previous`: empty, or one count per backend.
/// Requires: size >= number of backends with weight > 0, and one of them at least.
std::vector<std::uint32_t> slot_targets(
    std::span<const MaglevBackend> backends,
    std::span<const std::uint32_t> previous,
    std::uint32_t size
);

/// The next table. `previous`: empty (build from nothing), or the owner of every slot as a position
/// in `backends`, kNobody where the owner has left. Moves only surplus slots, as few as
/// the targets allow. The result depends on the set of (identity, weight) and the owners, not on
/// the order of `backends`. All weights 0: a table without slots. Pure; 65537 slots and 1000
/// backends take less than 2 ms. Errors: weight above kMaxWeight, equal identities, too many
/// backends for `size`, `previous` of another size.
base::Result<MaglevTable> build_table(
    std::span<const MaglevBackend> backends,
    std::span<const std::uint32_t> previous,
    std::uint32_t size
);

}  // namespace fairlead::steering
