// SPDX-License-Identifier: BSD-3-Clause
// Outer headers: written backwards from the inner packet into the headroom.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/net/checksum.hh"
#include "dataplane/net/five_tuple.hh"
#include "dataplane/net/gue.h"
#include "dataplane/net/wire.hh"

namespace fairlead::net {

inline constexpr std::uint8_t kOuterTtl = 64;

/// Bytes that each encapsulation puts between Ethernet header and inner packet.
inline constexpr unsigned kIpip4Bytes = sizeof(Ipv4Header);
inline constexpr unsigned kIpip6Bytes = sizeof(Ipv6Header);
inline constexpr unsigned kGueBytes = sizeof(UdpHeader) + FL_GUE_BASE_BYTES;
inline constexpr unsigned kGueHopsBytes = FL_GUE_PRIVATE_BYTES + FL_GUE_MAX_HOPS * FL_GUE_HOP_BYTES;
inline constexpr unsigned kMaxOuterBytes =
    kIpip4Bytes + kGueBytes + kGueHopsBytes > kIpip6Bytes + kGueBytes
        ? kIpip4Bytes + kGueBytes + kGueHopsBytes
        : kIpip6Bytes + kGueBytes;

/// The Ethernet header with its tags moves forward whole, so the headroom a frame needs is just the
/// outer headers'. DPDK's default is 128 bytes (RTE_PKTMBUF_HEADROOM), XDP's 256.
inline constexpr unsigned kHeadroomBytes = 128;
static_assert(kMaxOuterBytes <= kHeadroomBytes, "any encapsulation fits the default headroom");
static_assert(
    kIpip4Bytes + kGueBytes + FL_GUE_PRIVATE_BYTES + FL_GUE_HOP_BYTES == 40,
    "GUE with one hop costs what GLB's does"
);

/// What the outer header says. Addresses as on the wire (IPv4: 4 bytes).
struct Tunnel {
  const std::uint8_t* source;
  const std::uint8_t* destination;
  std::uint32_t inner_bytes;  // IP packet inside
  std::uint64_t hash;         // of the flow: entropy for flow label and UDP source port
  std::uint8_t family;        // of the outer packet
  std::uint8_t inner_family;
  std::uint8_t
      traffic_class;  // copied from the inner packet: DSCP, and ECN as RFC 6040 normal mode
};

/// Bytes of IPIP's outer header.
[[nodiscard]] constexpr unsigned ipip_bytes(std::uint8_t outer_family) {
  return outer_family == 6 ? kIpip6Bytes : kIpip4Bytes;
}
/// Bytes of GUE's outer headers. Towards IPv6 there is no hop list (see net/gue.h).
[[nodiscard]] constexpr unsigned gue_bytes(std::uint8_t outer_family, unsigned hops) {
  return outer_family == 6
             ? kIpip6Bytes + kGueBytes
             : kIpip4Bytes + kGueBytes + FL_GUE_PRIVATE_BYTES + hops * FL_GUE_HOP_BYTES;
}

/// Writes an outer IP header that ends at `inner`: 4in4, 6in4, 4in6 or 6in6 (RFC 2003, 4213, 2473).
/// Outer IPv4: DF set and id 0 (an atomic datagram, RFC 6864), checksum in software (10 words).
/// Outer IPv6: flow label from the hash (RFC 6438). Returns the header's first byte.
/// Requires: ipip_bytes(family) writable bytes in front of `inner`.
std::uint8_t* write_ipip(std::uint8_t* inner, const Tunnel& tunnel);

/// Writes outer IP, UDP and GUE headers that end at `inner`. `hops`: IPv4 addresses after the outer
/// destination, each 4 bytes as on the wire, at most FL_GUE_MAX_HOPS; ignored towards IPv6.
/// The outer UDP checksum is 0: allowed over IPv4, and over IPv6 for tunnels (RFC 6935, 6936
/// section 4: the inner packet has its own). Returns the first byte. Requires: gue_bytes()
/// writable.
std::uint8_t* write_gue(
    std::uint8_t* inner, const Tunnel& tunnel, std::span<const std::uint32_t> hops = {}
);

/// Copies the Ethernet header and its tags in front of `l3` with new addresses and, as `family`
/// says, a new ethertype. `from`: the old header; both may overlap. Returns the first byte.
/// Call it before writing the outer header, which overwrites the old Ethernet header.
inline std::uint8_t* write_ethernet(
    std::uint8_t* l3,
    const std::uint8_t* from,
    unsigned vlan_tags,
    std::uint8_t family,
    const MacAddr& destination,
    const MacAddr& source
) {
  const be16 type = family == 6 ? kEtherIpv6 : kEtherIpv4;
  std::uint8_t* at = l3 - sizeof(EthernetHeader) - vlan_tags * sizeof(VlanTag);
  if (vlan_tags != 0) [[unlikely]] {
    // From the first tag's ethertype on; the last two bytes are the payload's ethertype.
    std::memmove(at + 12, from + 12, vlan_tags * sizeof(VlanTag));
  }
  std::memcpy(l3 - sizeof type, &type, sizeof type);
  std::memcpy(at, destination.bytes.data(), 6);
  std::memcpy(at + 6, source.bytes.data(), 6);
  return at;
}

/// Decrements TTL or hop limit and adjusts the IPv4 header checksum (RFC 1624). Requires: TTL > 0.
inline void decrement_ttl(std::uint8_t* l3, std::uint8_t family) {
  if (family == 6) {
    --write_as<Ipv6Header>(l3)->hop_limit;
    return;
  }
  auto* const ip = write_as<Ipv4Header>(l3);
  // TTL is the first byte of its 16-bit word, so the word in the packet's order shrinks by one.
  const auto before = static_cast<std::uint16_t>(ip->ttl | ip->protocol << 8);
  const auto after = static_cast<std::uint16_t>(before - 1);
  ip->checksum = be16::from_raw(checksum_update(ip->checksum.raw(), before, after));
  ip->ttl = static_cast<std::uint8_t>(after);
}

}  // namespace fairlead::net
