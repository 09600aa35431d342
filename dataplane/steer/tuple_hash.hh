// SPDX-License-Identifier: BSD-3-Clause
// The flow hash of one tuple, for whoever has not a whole burst of them (path/hash_burst.hh).
#pragma once

#include <cstdint>

#include "dataplane/net/five_tuple.hh"
#include "dataplane/steer/flow_hash.h"

namespace fairlead::steer {

/// `key`: TableView::hash_key(). Requires: tuple.family is 4 or 6.
[[nodiscard]] inline std::uint64_t tuple_hash(
    const std::uint64_t* key, const net::FiveTuple& tuple
) {
  if (tuple.family == 4)
    return fl_flow_hash4(key, tuple.addresses4(), tuple.ports_raw, tuple.protocol);
  const std::uint64_t addresses[4] = {
      tuple.source[0], tuple.source[1], tuple.destination[0], tuple.destination[1]};
  return fl_flow_hash6(key, addresses, tuple.ports_raw, tuple.protocol);
}

}  // namespace fairlead::steer
