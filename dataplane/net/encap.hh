// SPDX-License-Identifier: BSD-3-Clause
// Outer headers: written backwards from the inner packet into the headroom.
#pragma once

#include <bit>
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

/// Bytes of IPIP's outer header.
[[nodiscard]] constexpr unsigned ipip_bytes(std::uint8_t outer_family) {
  return outer_family == 6 ? kIpip6Bytes : kIpip4Bytes;
}
/// Bytes of a GUE hop list; towards IPv6 an empty one is left out (see net/gue.h).
[[nodiscard]] constexpr unsigned hop_list_bytes(std::uint8_t outer_family, unsigned hops) {
  if (outer_family == 6) return hops == 0 ? 0 : FL_GUE_PRIVATE_BYTES + hops * FL_GUE_HOP6_BYTES;
  return FL_GUE_PRIVATE_BYTES + hops * FL_GUE_HOP_BYTES;
}
/// Bytes of GUE's outer headers.
[[nodiscard]] constexpr unsigned gue_bytes(std::uint8_t outer_family, unsigned hops) {
  return ipip_bytes(outer_family) + kGueBytes + hop_list_bytes(outer_family, hops);
}

/// The headroom budget. The Ethernet header with its tags moves forward whole, so a frame needs
/// just the outer headers' bytes. DPDK's default is 128 (RTE_PKTMBUF_HEADROOM), XDP's 256, of which
/// the kernel keeps up to 40. Lists of more than kHops6InHeadroom hops need the frame moved back in
/// its buffer (path/encap.cc).
inline constexpr unsigned kHeadroomBytes = 128;
inline constexpr unsigned kMostOuter4 = 20                        // IPv4 without options
                                        + 8                       // UDP
                                        + 4                       // GUE
                                        + 4                       // private data's head
                                        + FL_GUE_MAX_HOPS * 4;    // hops
inline constexpr unsigned kMostOuter6 = 40                        // IPv6
                                        + 8                       // UDP
                                        + 4                       // GUE
                                        + 4                       // private data's head
                                        + FL_GUE_MAX_HOPS6 * 16;  // hops
inline constexpr unsigned kMaxOuterBytes = kMostOuter4 > kMostOuter6 ? kMostOuter4 : kMostOuter6;
inline constexpr unsigned kHops6InHeadroom = 4;
inline constexpr unsigned kXdpRoomBytes = 256 - 40;
static_assert(gue_bytes(4, FL_GUE_MAX_HOPS) == kMostOuter4);
static_assert(gue_bytes(6, FL_GUE_MAX_HOPS6) == kMostOuter6);
static_assert(kMostOuter4 <= kHeadroomBytes && ipip_bytes(6) <= kHeadroomBytes);
static_assert(gue_bytes(6, kHops6InHeadroom) <= kHeadroomBytes);
static_assert(gue_bytes(6, kHops6InHeadroom + 1) > kHeadroomBytes);
static_assert(kMaxOuterBytes <= kXdpRoomBytes, "the gate never has to move a frame");
static_assert(1 + FL_GUE_MAX_HOPS <= FL_GUE_HLEN_MASK, "hlen has room for the list");
static_assert(1 + 4 * FL_GUE_MAX_HOPS6 <= FL_GUE_HLEN_MASK, "hlen has room for the list");
static_assert(gue_bytes(4, 1) == 40, "GUE with one hop costs what GLB's does");

/// Least MTU that a sender may be told: RFC 791's 68, RFC 8200's 1280.
inline constexpr std::uint32_t kLeastMtu4 = 68;
inline constexpr std::uint32_t kLeastMtu6 = 1280;

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

namespace detail {

static_assert(std::endian::native == std::endian::little);

inline void store32(std::uint8_t* at, std::uint32_t word) {
  std::memcpy(at, &word, sizeof word);
}
inline void store64(std::uint8_t* at, std::uint64_t word) {
  std::memcpy(at, &word, sizeof word);
}

inline std::uint8_t inner_protocol(const Tunnel& tunnel) {
  return static_cast<std::uint8_t>(tunnel.inner_family == 6 ? IpProto::kIpv6 : IpProto::kIpip);
}

/// Three words in the byte order of the packet (host is little-endian). The checksum is summed from
/// the values, not read back: loads across fresh narrow stores would stall.
inline std::uint8_t* write_ipv4(
    std::uint8_t* payload, const Tunnel& tunnel, std::uint8_t protocol, std::uint32_t payload_bytes
) {
  const std::uint32_t total = payload_bytes + std::uint32_t{sizeof(Ipv4Header)};
  const std::uint64_t first =
      0x45U | std::uint64_t{tunnel.traffic_class} << 8 |
      std::uint64_t{be16::from_host(static_cast<std::uint16_t>(total)).raw()} << 16 |
      std::uint64_t{kIpv4DontFragment.raw()} << 48;  // id 0
  const std::uint64_t second =
      kOuterTtl | std::uint64_t{protocol} << 8 | std::uint64_t{load32(tunnel.source)} << 32;
  const std::uint32_t destination = load32(tunnel.destination);
  // The first word's upper half is small, so only the second addition can carry.
  std::uint64_t sum = first + destination + second;
  sum += sum < second;
  const std::uint64_t checksum = static_cast<std::uint16_t>(~fold_sum(sum));
  std::uint8_t* const at = payload - sizeof(Ipv4Header);
  store64(at, first);
  store64(at + 8, second | checksum << 16);
  store32(at + 16, destination);
  return at;
}

inline std::uint8_t* write_ipv6(
    std::uint8_t* payload, const Tunnel& tunnel, std::uint8_t protocol, std::uint32_t payload_bytes
) {
  std::uint8_t* const at = payload - sizeof(Ipv6Header);
  const be32 label = be32::from_host(
      6U << 28 | std::uint32_t{tunnel.traffic_class} << 20 | fl_outer_flow_label(tunnel.hash)
  );
  const be16 bytes = be16::from_host(static_cast<std::uint16_t>(payload_bytes));
  store64(
      at,
      label.raw() | std::uint64_t{bytes.raw()} << 32 | std::uint64_t{protocol} << 48 |
          std::uint64_t{kOuterTtl} << 56
  );
  std::memcpy(at + 8, tunnel.source, 16);
  std::memcpy(at + 24, tunnel.destination, 16);
  return at;
}

inline std::uint8_t* write_ip(
    std::uint8_t* payload, const Tunnel& tunnel, std::uint8_t protocol, std::uint32_t payload_bytes
) {
  return tunnel.family == 6 ? write_ipv6(payload, tunnel, protocol, payload_bytes)
                            : write_ipv4(payload, tunnel, protocol, payload_bytes);
}

}  // namespace detail

/// Writes an outer IP header that ends at `inner`: 4in4, 6in4, 4in6 or 6in6 (RFC 2003, 4213, 2473).
/// Outer IPv4: DF set and id 0 (an atomic datagram, RFC 6864), checksum in software (10 words).
/// Outer IPv6: flow label from the hash (RFC 6438). Returns the header's first byte.
/// Requires: ipip_bytes(family) writable bytes in front of `inner`.
inline std::uint8_t* write_ipip(std::uint8_t* inner, const Tunnel& tunnel) {
  return detail::write_ip(inner, tunnel, detail::inner_protocol(tunnel), tunnel.inner_bytes);
}

/// Writes outer IP, UDP and GUE headers that end at `inner`. `hops`: addresses after the outer
/// destination, of its family, as on the wire one after the other.
/// The outer UDP checksum is 0: allowed over IPv4, and over IPv6 for tunnels (RFC 6935, 6936
/// section 4: the inner packet has its own). Returns the first byte. Requires: gue_bytes()
/// writable; at most FL_GUE_MAX_HOPS (IPv4) or FL_GUE_MAX_HOPS6.
inline std::uint8_t* write_gue(
    std::uint8_t* inner, const Tunnel& tunnel, std::span<const std::uint8_t> hops = {}
) {
  std::uint8_t* at = inner;
  std::uint8_t words = 0;
  const bool six = tunnel.family == 6;
  if (!six || !hops.empty()) {
    const std::size_t count = hops.size() / (six ? FL_GUE_HOP6_BYTES : FL_GUE_HOP_BYTES);
    at -= hops.size();
    if (!hops.empty()) std::memcpy(at, hops.data(), hops.size());
    at -= sizeof(fl_gue_hops);
    const std::uint8_t type = six ? FL_GUE_PRIVATE_HOPS6 : FL_GUE_PRIVATE_HOPS;
    *write_as<fl_gue_hops>(at) = fl_gue_hops{{0, type}, 0, static_cast<std::uint8_t>(count)};
    words = static_cast<std::uint8_t>(1 + hops.size() / 4);
  }
  at -= sizeof(fl_gue_header);
  *write_as<fl_gue_header>(at) = fl_gue_header{words, detail::inner_protocol(tunnel), {0, 0}};
  at -= sizeof(UdpHeader);
  const auto udp_bytes = static_cast<std::uint32_t>(inner - at) + tunnel.inner_bytes;
  *write_as<UdpHeader>(at) = UdpHeader{
      be16::from_host(fl_gue_source_port(tunnel.hash)),
      be16::from_host(FL_GUE_PORT),
      be16::from_host(static_cast<std::uint16_t>(udp_bytes)),
      be16::from_raw(0),
  };
  return detail::write_ip(at, tunnel, static_cast<std::uint8_t>(IpProto::kUdp), udp_bytes);
}

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

/// Decrements TTL or hop limit and adjusts the IPv4 header checksum. Requires: TTL > 0.
///
/// TTL is the low byte of its 16-bit word as it lies in the packet, so that word shrinks by one and
/// the checksum grows by one, with end-around carry and without ever becoming 0xffff: exactly
/// RFC 1624, equation 3.
inline void decrement_ttl(std::uint8_t* l3, std::uint8_t family) {
  if (family == 6) {
    --write_as<Ipv6Header>(l3)->hop_limit;
    return;
  }
  std::uint8_t* const at = l3 + 8;
  const std::uint32_t word = load32(at);  // TTL, protocol, checksum
  std::uint32_t checksum = (word >> 16) + 1;
  checksum += checksum >= 0xffffU ? 1 : 0;
  detail::store32(at, ((word & 0xffffU) - 1) | checksum << 16);
}

}  // namespace fairlead::net
