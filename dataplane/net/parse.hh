// SPDX-License-Identifier: BSD-3-Clause
// From frame bytes to a five-tuple and header positions, or to the reason why not.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/net/five_tuple.hh"
#include "dataplane/steer/drop_reasons.h"

namespace fairlead::net {

inline constexpr unsigned kMaxVlanTags = 2;
inline constexpr unsigned kMaxIpv6Extensions = 8;

enum class PacketKind : std::uint8_t {
  kFlow = 0,       // TCP or UDP, whole
  kFirstFragment,  // of a TCP or UDP datagram: it has the ports
  kLaterFragment,  // has none: tuple.ports_raw is 0, over IPv6 the protocol is not known
  kIcmpError,      // about a packet from a vip: `tuple` is that of the packet's flow
};

/// What later stages need to know of a packet; one cache line.
struct alignas(64) ParsedPacket {
  FiveTuple tuple;             // family 0: the IP header could not be read
  std::uint32_t ip_bytes = 0;  // of the IP packet, without Ethernet padding
  std::uint16_t l3_offset = 0;
  std::uint16_t l4_offset = 0;  // 0: not reached
  std::uint8_t tcp_flags = 0;
  std::uint8_t traffic_class = 0;  // TOS or traffic class: DSCP and ECN
  std::uint8_t ttl = 0;
  std::uint8_t vlan_tags = 0;
  PacketKind kind = PacketKind::kFlow;
  std::uint8_t reserved[3] = {};
  std::uint32_t fragment_id = 0;  // of a fragment, as on the wire; names its datagram
};
static_assert(sizeof(ParsedPacket) == 64);

/// Parses one frame.
///
/// `frame`: the bytes that can be read (from the first Ethernet byte); all headers must lie in it.
/// `frame_bytes`: length of the whole frame, >= frame.size() (the rest may lie in other segments).
/// Returns FL_REASON_NONE if everything fits and the packet is one of PacketKind: TCP or UDP, a
/// fragment of such a datagram, or an ICMP error that may concern a flow; NOT_IP and ICMP for
/// packets of the kernel's; else why the packet is broken or unusable. Whenever the IP header
/// itself is sound, `out.tuple` holds the addresses even if a later reason is returned, so that the
/// caller can tell a vip's packet from the host's. Reads nothing outside `frame`. Thread-safe.
///
/// Checks, in this order: Ethernet and up to two VLAN tags; IP version, header length, stated
/// length; IPv4 header checksum; source address (RFC 1122 3.2.1.3, RFC 4291 2.7: multicast,
/// loopback, unspecified, broadcast, or equal to the destination); TTL; IPv6 extension headers (at
/// most 8; an atomic fragment, RFC 6946, is no fragment); fragment; TCP or UDP header, ports,
/// flags. L4 checksums are not verified: the backend does (a node never touches the payload).
///
/// Fragments (RFC 791, 1858, 3128, 7112, 8200): the first one must hold the whole header chain and
/// the TCP or UDP header; no later one of TCP may begin inside the shortest TCP header; none may be
/// empty, end beyond 65535 bytes, or be other than a multiple of 8 long if more follow.
[[nodiscard]] fl_reason parse_packet(
    std::span<const std::uint8_t> frame, std::uint32_t frame_bytes, ParsedPacket& out
);

/// A source that no single host has, or the destination itself (RFC 1122 3.2.1.3, RFC 4291 2.7).
[[nodiscard]] bool is_martian(const FiveTuple& tuple);

/// True if the packet at `packet`, of which `readable` bytes can be read, asks for an echo and is
/// simple enough to be answered in place: whole, no IP options, no extension headers.
[[nodiscard]] bool is_echo_request(const std::uint8_t* packet, std::size_t readable);

}  // namespace fairlead::net
