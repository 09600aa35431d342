// SPDX-License-Identifier: BSD-3-Clause
// Spreads queues over workers, and a port's indirection table over queues, with few changes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fairlead::dataplane {

/// owners[i] is who has item i (a queue's worker, an indirection entry's queue). Returns the new
/// owners: all from `among`, each with an equal share or one item more, and as few items as
/// possible changed hands. Item 0 stays with (or goes to) among[0]: queue 0 gets what a device does
/// not hash, and worker 0 sends the main thread's frames. Requires: `among` is not empty and has no
/// duplicates. Pure.
std::vector<unsigned> rebalance(std::vector<unsigned> owners, std::span<const unsigned> among);

/// Items of `owner`, ascending.
std::vector<unsigned> items_of(std::span<const unsigned> owners, unsigned owner);

}  // namespace fairlead::dataplane
