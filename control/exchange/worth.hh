// SPDX-License-Identifier: BSD-3-Clause
// What other nodes' counts are good for: the daemon and the simulator ask the same functions.
#pragma once

#include <cstddef>

#include "dataplane/base/clock.hh"

namespace fairlead::exchange {

/// Whether scores of a fleet of so many nodes use c, the requests that a backend serves at once
/// (dataplane/steer/score.h). Few nodes know much by themselves, and near saturation n / weight is
/// better there: docs/policies.md has the figures. Pure, as all here.
inline bool parallel_is_used(std::size_t nodes) {
  return nodes > 5;
}

/// Mean age of others' counts above which a node chooses better by its own alone: all nodes would
/// run after the same backends, and the fewer they are the more a node's own counts say. Measured:
/// 10 ms with 5 nodes, 50 ms with 50 (docs/fleet.md).
inline base::Nanoseconds worth_until(unsigned nodes) {
  return (5 + base::Nanoseconds{nodes}) * base::kMillisecond;
}
inline bool worth_using(base::Nanoseconds mean_age, unsigned nodes) {
  return mean_age <= worth_until(nodes);
}

/// Whether scores of a node that knows no counts but its own leave the weights to the tables. One
/// of many nodes has nothing in flight at most backends, so n / weight says little more than who is
/// the heaviest, and all nodes would run there: docs/policies.md has the figures.
inline bool weights_are_for_tables(std::size_t nodes) {
  return nodes > 16;
}

}  // namespace fairlead::exchange
