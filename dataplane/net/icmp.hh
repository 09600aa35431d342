// SPDX-License-Identifier: BSD-3-Clause
// The ICMP and ICMPv6 messages that a node sends: "packet too big" in both families, and echo
// replies. Bytes in, bytes out; who may be answered, and how often, is path/answer.cc's.
#pragma once

#include <cstdint>

#include "dataplane/net/addr.hh"
#include "dataplane/net/wire.hh"

namespace fairlead::net {

inline constexpr std::uint8_t kIcmpEchoReply = 0;
inline constexpr std::uint8_t kIcmpUnreachable = 3;
inline constexpr std::uint8_t kIcmpFragmentationNeeded = 4;  // code of kIcmpUnreachable
inline constexpr std::uint8_t kIcmpEchoRequest = 8;
inline constexpr std::uint8_t kIcmp6TooBig = 2;
inline constexpr std::uint8_t kIcmp6EchoRequest = 128;
inline constexpr std::uint8_t kIcmp6EchoReply = 129;

/// Bytes that a "too big" message needs in front of the packet that it quotes.
[[nodiscard]] constexpr unsigned too_big_bytes(std::uint8_t family) {
  return static_cast<unsigned>(family == 6 ? sizeof(Ipv6Header) : sizeof(Ipv4Header)) +
         static_cast<unsigned>(sizeof(IcmpHeader));
}

/// Largest message: what every IPv4 host can reassemble (RFC 1812 4.3.2.3), the least MTU of IPv6
/// (RFC 4443 2.4 c).
inline constexpr unsigned kLargestIcmp4Error = 576;
inline constexpr unsigned kLargestIcmp6Error = 1280;

/// Where a message about a packet comes from and what it says.
struct TooBig {
  const std::uint8_t* source;  // address of ours, as on the wire
  std::uint32_t mtu;           // largest packet that would have gone through
  std::uint8_t family;         // of the packet and the message
};

/// Writes "fragmentation needed" (RFC 792, RFC 1191) or "packet too big" (RFC 4443 3.2) in front of
/// the packet at `packet`, which it quotes and sends back to its source. Every header is built from
/// zero: nothing of the packet's own (DF, fragment offset, options) is inherited. `readable`:
/// contiguous bytes of the packet; at least 28 (IPv4) or 48 (IPv6). Returns the bytes of the
/// message, which begins too_big_bytes() in front of `packet`: writable bytes are required there.
unsigned write_too_big(std::uint8_t* packet, std::uint32_t readable, const TooBig& message);

/// Turns the echo request at `packet` into its reply, in place: addresses change places, TTL 64,
/// DSCP stays, ECN is cleared, identification and payload stay; fragment field 0. The ICMP checksum
/// is adjusted (RFC 1624), so a request that was damaged stays so and its sender sees it. Requires:
/// an IPv4 header without options or an IPv6 header without extension headers, not a fragment.
void write_echo_reply(std::uint8_t* packet, std::uint8_t family);

/// Sends the frame back: the Ethernet addresses of `from` (at `frame`, with `vlan_tags`) in front
/// of `l3`, source `own`. Returns the frame's first byte.
std::uint8_t* write_ethernet_back(
    std::uint8_t* l3, const std::uint8_t* frame, unsigned vlan_tags, const MacAddr& own
);

}  // namespace fairlead::net
