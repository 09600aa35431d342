// SPDX-License-Identifier: BSD-3-Clause
// What all tunnels over one family have in common, worked out once a burst.
#pragma once

#include <cstdint>

#include "dataplane/net/addr.hh"
#include "dataplane/path/burst.hh"
#include "dataplane/path/context.hh"

namespace fairlead::path {

struct Underlay {
  const std::uint8_t* source = nullptr;  // outer source address; null: none configured
  std::uint32_t largest = 0;             // IP packet; 0 if nothing at all can be sent
  std::uint64_t ethernet[2] = {};        // the untagged Ethernet header's bytes 0..7 and 6..13
};

[[nodiscard]] inline const net::MacAddr& gateway(const NextHops& hops, std::uint8_t family) {
  return family == 6 ? hops.gateway6 : hops.gateway4;
}

/// The backend's MAC for L2 direct return: from the table, else as resolved; zero: unknown.
[[nodiscard]] net::MacAddr backend_mac(const NextHops& hops, const fl_member& member);

/// Will encap() forward packet i, for which a backend was chosen, without a hop list? Slow.
[[nodiscard]] bool can_be_sent(const WorkerContext& context, const Burst& burst, unsigned i);

/// Requires: context.table.valid().
[[nodiscard]] Underlay underlay_of(const WorkerContext& context, std::uint8_t family);

}  // namespace fairlead::path
