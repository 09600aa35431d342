// SPDX-License-Identifier: BSD-3-Clause
// What other nodes' counts are good for: the daemon and the simulator ask the same functions.
#pragma once

#include <cstddef>

#include "dataplane/base/clock.hh"

namespace fairlead::exchange {

/// Few nodes know nearly all by themselves. Each of them chooses among many backends by its own
/// counts, as evenly as least connections: where service times are equal, others' counts that are 3
/// ms old make it worse by a third. With five, liars and antagonists are found later without them
/// (docs/policies.md). 0, not known, is few. Pure, as all here.
inline bool are_few(std::size_t nodes) {
  return nodes <= 3;
}

/// Whether scores of a fleet of so many nodes use c, the requests that a backend serves at once
/// (dataplane/steer/score.h). Near saturation n / weight is better for up to five.
inline bool parallel_is_used(std::size_t nodes) {
  return nodes > 5;
}

/// Mean age of others' counts above which a node of many chooses better by its own alone: all nodes
/// would run after the same backends. Measured: 50 ms with 50 (docs/fleet.md).
inline base::Nanoseconds worth_until(unsigned nodes) {
  return (5 + base::Nanoseconds{nodes}) * base::kMillisecond;
}
inline bool worth_using(base::Nanoseconds mean_age, unsigned nodes) {
  return !are_few(nodes) && mean_age <= worth_until(nodes);
}

/// Reserves of a flow (fl_vip_reserves()) on a node that is alone, whose flows nobody else ever has
/// to find, and in a fleet of so many nodes, 0: not known; a result of 0: the usual number. A few
/// nodes compare as many as a hop list can name. Where there are no hop lists another node asks the
/// first candidate only, and every reserve is a connection more that it does not find. Four
/// candidates and their earlier owners leave a list room for 15 slots; reserves come in pairs.
inline constexpr unsigned kReservesAlone = 62;
inline unsigned reserves_of(std::size_t nodes, bool hop_lists, unsigned choices) {
  const unsigned listed = choices < 4 ? 16 : 14;
  return nodes != 0 && are_few(nodes) && hop_lists ? listed : 0;
}

/// Whether scores of a node that knows no counts but its own leave the weights to the tables. One
/// of many nodes has nothing in flight at most backends, so n / weight says little more than who is
/// the heaviest, and all nodes would run there: docs/policies.md has the figures.
inline bool weights_are_for_tables(std::size_t nodes) {
  return nodes > 16;
}

}  // namespace fairlead::exchange
