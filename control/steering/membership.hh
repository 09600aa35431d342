// SPDX-License-Identifier: BSD-3-Clause
// Which numbers the members of pools have: looked up by name when a pool changes its members, and
// kept as rows by position for all plans until then.
#pragma once

#include <vector>

#include "control/steering/numbers.hh"
#include "control/steering/steering.hh"

namespace fairlead::steering {

/// Whether all vips are those of the plan before, by their editions: then their numbers are too.
bool knows(const Book& book, const std::vector<PoolIntent>& pools, const NodeIntent& node);

/// The book after `before`: numbers of what left are freed, what is new gets some. `records` are by
/// member number; those of members in use are put but for put_numbers(). Without names and
/// meanings. `idle_ms`: how long a flow may still mean a number that was freed.
base::Result<Book> next_book(
    const Book& before,
    const std::vector<PoolIntent>& pools,
    std::uint32_t idle_ms,
    base::Nanoseconds now,
    std::vector<fl_member>& records
);

/// What a member gets by its intent; the rest is its backend's.
void put_numbers(const BackendIntent& intent, fl_member& m);

/// `order`: positions by rising id.
PoolMeaning meaning_of(const model::Vip& vip, const std::vector<std::uint32_t>& order);

}  // namespace fairlead::steering
