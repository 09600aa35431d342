// SPDX-License-Identifier: BSD-3-Clause
// Parsing of what nearly all packets are, with one branch: untagged TCP or UDP over IPv4 without
// options or IPv6 without extension headers, and nothing wrong with it.
//
// parse_packet() is the definition of what is right. The functions here accept a subset of what it
// accepts and then fill the same fields with the same values; whatever they are not sure of they
// leave to it. tests/unit/dataplane/net/parse_plain_test.cc compares the two over mutated frames.
//
// How: the headers are read as a few 64-bit words, and no check is a branch of its own. A check for
// certain bits goes into `odd` (nonzero: not plain), a check for a range is a subtraction whose top
// bit goes into `below` (set: not plain); only the two are branched on. Words are as they lie in
// the packet (host is little-endian), so constants are written in wire order from the right.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/net/checksum.hh"
#include "dataplane/net/parse.hh"
#include "dataplane/net/wire.hh"

namespace fairlead::net {
namespace plain {

inline constexpr std::uint32_t kEthernet = sizeof(EthernetHeader);
inline constexpr std::uint8_t kTcp = static_cast<std::uint8_t>(IpProto::kTcp);
inline constexpr std::uint8_t kUdp = static_cast<std::uint8_t>(IpProto::kUdp);

/// Bit n: n, the flags FIN, SYN, RST, PSH, ACK of a TCP header, makes no sense: none of FIN, SYN,
/// RST, ACK, or SYN together with FIN or RST.
consteval std::uint32_t senseless_flags() {
  std::uint32_t out = 0;
  for (std::uint32_t flags = 0; flags < 32; ++flags) {
    const bool syn_and_end = (flags & kTcpSyn) != 0 && (flags & (kTcpFin | kTcpRst)) != 0;
    const bool none = (flags & (kTcpFin | kTcpSyn | kTcpRst | kTcpAck)) == 0;
    if (none || syn_and_end) out |= 1U << flags;
  }
  return out;
}

/// By the first byte of an IPv4 source: 1 if it needs a closer look (0/8, 127/8, 224/3).
consteval std::array<std::uint8_t, 256> odd_networks() {
  std::array<std::uint8_t, 256> out{};
  for (unsigned i = 0; i < 256; ++i) out[i] = i == 0 || i == 127 || i >= 224 ? 1 : 0;
  return out;
}
inline constexpr std::array<std::uint8_t, 256> kOddNetworks = odd_networks();

/// What the checks found so far.
struct Findings {
  std::uint64_t odd = 0;
  std::uint64_t below = 0;  // top bit

  [[nodiscard]] bool plain() const { return (odd | below >> 63) == 0; }
};

/// Bytes 2 and 3 of what begins with `word`, as a number. (Swapping 32 bits: GCC swaps 16 through
/// memory.)
inline std::uint64_t number_at2(std::uint64_t word) {
  return __builtin_bswap32(static_cast<std::uint32_t>(word)) & 0xffffU;
}

/// Layer 4 at `l4`, of which at least 14 bytes can be read. `l4_bytes`: as the IP header says.
/// Returns the TCP flags (UDP: 0).
inline std::uint32_t check_l4(
    const std::uint8_t* l4, std::uint8_t protocol, std::uint64_t l4_bytes, Findings& found
) {
  const std::uint64_t ports = load32(l4);
  found.below |= ((ports & 0xffffU) - 1) | ((ports >> 16) - 1);
  if (protocol == kTcp) [[likely]] {
    const std::uint64_t header_bytes = (l4[12] & 0xf0U) >> 2;
    const std::uint32_t flags = l4[13];
    found.below |= (l4_bytes - header_bytes) | (header_bytes - sizeof(TcpHeader));
    found.odd |= senseless_flags() >> (flags & 31U) & 1U;
    return flags;
  }
  const std::uint64_t udp_bytes = number_at2(load32(l4 + 2));
  found.below |= (l4_bytes - udp_bytes) | (udp_bytes - sizeof(UdpHeader));
  found.odd |= protocol ^ kUdp;
  return 0;
}

/// The part of `out` behind the addresses, in three stores.
inline void store_tail(
    ParsedPacket& out,
    std::uint64_t ports,
    std::uint8_t protocol,
    std::uint8_t family,
    std::uint64_t ip_bytes,
    std::uint32_t flags_class_ttl
) {
  constexpr std::uint64_t kL3 = kEthernet;
  const std::uint64_t l4 = kL3 + (family == 6 ? sizeof(Ipv6Header) : sizeof(Ipv4Header));
  const std::uint64_t ports_protocol =
      ports | std::uint64_t{protocol} << 32 | std::uint64_t{family} << 40;
  const std::uint64_t bytes_offsets = ip_bytes | kL3 << 32 | l4 << 48;
  static_assert(offsetof(FiveTuple, protocol) == offsetof(FiveTuple, ports_raw) + 4);
  static_assert(offsetof(FiveTuple, family) == offsetof(FiveTuple, ports_raw) + 5);
  static_assert(offsetof(ParsedPacket, l3_offset) == offsetof(ParsedPacket, ip_bytes) + 4);
  static_assert(offsetof(ParsedPacket, l4_offset) == offsetof(ParsedPacket, ip_bytes) + 6);
  static_assert(offsetof(ParsedPacket, traffic_class) == offsetof(ParsedPacket, tcp_flags) + 1);
  static_assert(offsetof(ParsedPacket, ttl) == offsetof(ParsedPacket, tcp_flags) + 2);
  static_assert(offsetof(ParsedPacket, vlan_tags) == offsetof(ParsedPacket, tcp_flags) + 3);
  auto* const at = reinterpret_cast<std::byte*>(&out);
  std::memcpy(at + offsetof(FiveTuple, ports_raw), &ports_protocol, sizeof ports_protocol);
  std::memcpy(at + offsetof(ParsedPacket, ip_bytes), &bytes_offsets, sizeof bytes_offsets);
  std::memcpy(at + offsetof(ParsedPacket, tcp_flags), &flags_class_ttl, sizeof flags_class_ttl);
}

}  // namespace plain

/// True if the frame is plain IPv4; then `out` is what parse_packet() would make of it. Else `out`
/// is void. Parameters as parse_packet()'s.
inline bool parse_plain4(
    const std::uint8_t* frame, std::uint32_t length, std::uint32_t frame_bytes, ParsedPacket& out
) {
  if (length < plain::kEthernet + sizeof(Ipv4Header) + sizeof(TcpHeader)) return false;
  const std::uint8_t* const l3 = frame + plain::kEthernet;
  const std::uint64_t first = load64(l3);       // version, TOS, total length, id, fragment
  const std::uint64_t second = load64(l3 + 8);  // TTL, protocol, checksum, source
  const std::uint64_t destination = load32(l3 + 16);
  const std::uint64_t source = second >> 32;
  const std::uint64_t total = plain::number_at2(first);
  const std::uint64_t ttl = second & 0xffU;
  const auto protocol = static_cast<std::uint8_t>(second >> 8);
  // One's complement sum of the header's ten words; the carry is added back.
  std::uint64_t sum = first + second;
  sum += sum < first;
  sum = (sum & 0xffffffffU) + (sum >> 32) + destination;

  plain::Findings found;
  const std::uint32_t flags =
      plain::check_l4(l3 + sizeof(Ipv4Header), protocol, total - sizeof(Ipv4Header), found);
  found.odd |= (load32(frame + 12) & 0x00ffffffU) ^ 0x00450008U;  // ethertype, 4, five words
  found.odd |= first >> 48 & 0xff3fU;                             // a fragment
  found.odd |= fold_sum(sum) ^ 0xffffU;
  found.odd |= plain::kOddNetworks[source & 0xffU];
  found.below |= (frame_bytes - plain::kEthernet - total) |
                 (total - sizeof(Ipv4Header) - sizeof(UdpHeader)) | (ttl - 2) |
                 ((source ^ destination) - 1);
  if (!found.plain()) [[unlikely]]
    return false;
  out.tuple.source[0] = source;
  out.tuple.source[1] = 0;
  out.tuple.destination[0] = destination;
  out.tuple.destination[1] = 0;
  const auto traffic_class = static_cast<std::uint32_t>(first & 0xff00U);
  plain::store_tail(
      out,
      load32(l3 + sizeof(Ipv4Header)),
      protocol,
      4,
      total,
      flags | traffic_class | static_cast<std::uint32_t>(ttl << 16)
  );
  return true;
}

/// The same for IPv6.
inline bool parse_plain6(
    const std::uint8_t* frame, std::uint32_t length, std::uint32_t frame_bytes, ParsedPacket& out
) {
  if (length < plain::kEthernet + sizeof(Ipv6Header) + sizeof(TcpHeader)) return false;
  const std::uint8_t* const l3 = frame + plain::kEthernet;
  const std::uint64_t first = load64(l3);  // version, class, label, payload, next header, hops
  const std::uint64_t source[2] = {load64(l3 + 8), load64(l3 + 16)};
  const std::uint64_t destination[2] = {load64(l3 + 24), load64(l3 + 32)};
  const std::uint64_t payload = plain::number_at2(first >> 16);
  const auto protocol = static_cast<std::uint8_t>(first >> 48);
  const std::uint64_t hop_limit = first >> 56;

  plain::Findings found;
  const std::uint32_t flags = plain::check_l4(l3 + sizeof(Ipv6Header), protocol, payload, found);
  found.odd |= (load32(frame + 12) & 0x00f0ffffU) ^ 0x0060dd86U;
  found.odd |= std::uint64_t{source[0] == 0};               // ::, ::1, IPv4-mapped
  found.odd |= std::uint64_t{(source[0] & 0xffU) == 0xff};  // multicast
  found.odd |= std::uint64_t{((source[0] ^ destination[0]) | (source[1] ^ destination[1])) == 0};
  found.below |= (frame_bytes - plain::kEthernet - sizeof(Ipv6Header) - payload) |
                 (payload - sizeof(UdpHeader)) | (hop_limit - 2);
  if (!found.plain()) [[unlikely]]
    return false;
  out.tuple.source[0] = source[0];
  out.tuple.source[1] = source[1];
  out.tuple.destination[0] = destination[0];
  out.tuple.destination[1] = destination[1];
  const auto traffic_class =
      static_cast<std::uint32_t>((first << 4 & 0xf0U) | (first >> 12 & 0x0fU));
  plain::store_tail(
      out,
      load32(l3 + sizeof(Ipv6Header)),
      protocol,
      6,
      payload + sizeof(Ipv6Header),
      flags | traffic_class << 8 | static_cast<std::uint32_t>(hop_limit << 16)
  );
  return true;
}

/// Whichever of the two may fit.
inline bool parse_plain(
    const std::uint8_t* frame, std::uint32_t length, std::uint32_t frame_bytes, ParsedPacket& out
) {
  constexpr std::uint8_t kFirstOfIpv6 = 0x86;
  if (length > 12 && frame[12] == kFirstOfIpv6)
    return parse_plain6(frame, length, frame_bytes, out);
  return parse_plain4(frame, length, frame_bytes, out);
}

}  // namespace fairlead::net
