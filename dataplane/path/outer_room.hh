// SPDX-License-Identifier: BSD-3-Clause
// How much of a port's MTU a vip's outer headers take: what clients are told to keep to.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/net/encap.hh"
#include "dataplane/path/burst.hh"
#include "dataplane/path/context.hh"
#include "dataplane/steer/reserves.h"

namespace fairlead::path {

/// Hops that a client of this vip's leaves room for.
[[nodiscard]] inline unsigned most_hops(const fl_vip& vip, std::uint8_t outer_family) {
  return fl_most_hops(vip.choices, vip.encapsulation, vip.protocol, outer_family);
}

/// Bytes to keep free for outer headers, with the longest hop list that is told: so a client that
/// was told once is never told again, whatever becomes of its flow. Longer lists are for packets
/// that have room.
[[nodiscard]] inline unsigned outer_room(const fl_vip& vip, std::uint8_t outer_family) {
  switch (vip.encapsulation) {
    case FL_ENCAP_L2:
      return 0;
    case FL_ENCAP_GUE:
      return net::gue_bytes(outer_family, most_hops(vip, outer_family));
    default:
      return net::ipip_bytes(outer_family);
  }
}

/// Bytes of VLAN tags: they come out of the port's MTU, because not every port and switch gives
/// tagged frames more than 1518 bytes.
[[nodiscard]] inline unsigned tag_bytes(const net::ParsedPacket& packet) {
  return packet.vlan_tags * static_cast<unsigned>(sizeof(net::VlanTag));
}

/// The MTU that the sender of packet i is told. Requires: a backend was chosen.
[[nodiscard]] inline std::uint32_t told_mtu(
    const WorkerContext& context, const Burst& burst, unsigned i
) {
  const unsigned taken =
      outer_room(*burst.vip[i], burst.chosen[i]->family) + tag_bytes(burst.parsed[i]);
  const std::uint32_t left = context.hops.mtu > taken ? context.hops.mtu - taken : 0;
  return std::max(left, burst.parsed[i].tuple.family == 6 ? net::kLeastMtu6 : net::kLeastMtu4);
}

}  // namespace fairlead::path
