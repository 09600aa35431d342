// SPDX-License-Identifier: BSD-3-Clause
// The outer UDP checksum that is worked out without the payload equals the one over the payload.
#include "dataplane/net/outer_policy.hh"

#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/net/encap.hh"
#include "tests/testing/packet_builder.hh"

namespace fairlead::net {
namespace {

using testing::Frame;
using testing::packet;
using Bytes = std::vector<std::uint8_t>;

constexpr std::uint8_t kSource[16] = {0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
constexpr std::uint8_t kTarget[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};

/// RFC 1071, the plain way.
std::uint16_t sum(const Bytes& bytes) {
  std::uint32_t total = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    total += static_cast<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return static_cast<std::uint16_t>(total);
}

/// Pseudo header and segment from `at` to the end.
Bytes covered(const Bytes& ip, std::size_t at, std::uint8_t protocol) {
  const std::size_t first = ip[0] >> 4 == 6 ? 8 : 12;
  const std::size_t bytes = ip.size() - at;
  Bytes out(
      ip.begin() + static_cast<std::ptrdiff_t>(first),
      ip.begin() + static_cast<std::ptrdiff_t>(first + (first == 8 ? 32 : 8))
  );
  out.insert(
      out.end(),
      {0, protocol, static_cast<std::uint8_t>(bytes >> 8), static_cast<std::uint8_t>(bytes)}
  );
  out.insert(out.end(), ip.begin() + static_cast<std::ptrdiff_t>(at), ip.end());
  return out;
}

/// An IP packet with a right TCP (16 bytes in) or UDP (6 bytes in) checksum.
Bytes inner_packet(const Frame& frame, std::size_t header, std::uint8_t protocol) {
  Bytes ip(frame.begin() + 14, frame.end());
  const std::uint16_t checksum = static_cast<std::uint16_t>(~sum(covered(ip, header, protocol)));
  const std::size_t at = header + (protocol == 6 ? 16 : 6);
  ip[at] = static_cast<std::uint8_t>(checksum >> 8);
  ip[at + 1] = static_cast<std::uint8_t>(checksum);
  return ip;
}

/// The packet in GUE over `family` with `hops` bytes of hop list, checksum wanted.
Bytes in_gue(const Bytes& inner, std::uint8_t family, std::size_t hops) {
  Bytes buffer(kMaxOuterBytes);
  buffer.insert(buffer.end(), inner.begin(), inner.end());
  const Tunnel tunnel{
      .source = kSource,
      .destination = kTarget,
      .inner_bytes = static_cast<std::uint32_t>(inner.size()),
      .hash = 0x123456789abcdef0,
      .family = family,
      .inner_family = static_cast<std::uint8_t>(inner[0] >> 4),
      .traffic_class = 0,
  };
  std::uint8_t* const start = write_gue(buffer.data() + kMaxOuterBytes, tunnel, Bytes(hops, 0x5a));
  const auto bytes = static_cast<std::uint32_t>(buffer.data() + buffer.size() - start);
  const auto outer = bytes - static_cast<std::uint32_t>(inner.size());
  change_outer(start, bytes, {.entropy4 = 8, .udp_checksum = true}, {1, 0, outer});
  return Bytes(start, start + bytes);
}

std::uint16_t udp_checksum(const Bytes& outer) {
  const std::size_t at = (outer[0] >> 4 == 6 ? 40 : 20) + 6;
  return static_cast<std::uint16_t>(outer[at] << 8 | outer[at + 1]);
}

TEST(OuterPolicy, UdpChecksumIsRightForEveryPairOfFamiliesAndProtocol) {
  const Bytes inners[] = {
      inner_packet(packet().ipv4("192.0.2.1", "192.0.2.2").tcp(1, 2, "A"), 20, 6),
      inner_packet(packet().ipv4("192.0.2.1", "192.0.2.2").udp(1, 2), 20, 17),
      inner_packet(packet().ipv4("192.0.2.1", "192.0.2.2").tcp(1, 2, "A").payload(101), 20, 6),
      inner_packet(
          packet().ipv4("192.0.2.1", "192.0.2.2").options(8).udp(1, 2).payload(40), 28, 17
      ),
      inner_packet(packet().ipv6("2001:db8::1", "2001:db8::2").tcp(1, 2, "S"), 40, 6),
      inner_packet(packet().ipv6("2001:db8::1", "2001:db8::2").udp(1, 2).payload(7), 40, 17),
  };
  for (const Bytes& inner : inners) {
    for (const std::uint8_t family : {std::uint8_t{4}, std::uint8_t{6}}) {
      for (const std::size_t hops : {0U, 16U}) {
        const Bytes outer = in_gue(inner, family, hops);

        EXPECT_NE(udp_checksum(outer), 0);
        EXPECT_EQ(sum(covered(outer, family == 6 ? 40 : 20, 17)), 0xffff);
      }
    }
  }
}

TEST(OuterPolicy, WhoeverCountsIdentificationsBeginsFarFromTheOthers) {
  for (const unsigned count : {2U, 4U, 64U, 128U}) {
    std::set<unsigned> starts;
    for (unsigned number = 0; number < count; ++number) starts.insert(first_outer_id(number));

    EXPECT_EQ(starts.size(), count);
    for (const unsigned start : starts) EXPECT_EQ(start % (65536 / count), 0U);
  }
}

TEST(OuterPolicy, WhatHasNoChecksumOverAllOfItGetsNone) {
  const Bytes checksum_over_a_part = {0, 1, 0, 2, 0, 12, 0xab, 0xcd, 1, 2, 3, 4, 5, 6, 7, 8};
  const Frame frames[] = {
      packet().ipv4("192.0.2.1", "192.0.2.2").udp(1, 2).payload(40),  // its checksum is 0
      packet().ipv4("192.0.2.1", "192.0.2.2").protocol(17).bytes(checksum_over_a_part),
      packet().ipv6("2001:db8::1", "2001:db8::2").protocol(17).bytes(checksum_over_a_part),
      packet().ipv4("192.0.2.1", "192.0.2.2").ipv4_fragment(0, true).tcp(1, 2, "A").payload(40),
      packet().ipv4("192.0.2.1", "192.0.2.2").protocol(1).payload(40),
      packet().ipv6("2001:db8::1", "2001:db8::2").extension(60).tcp(1, 2, "A").payload(40),
  };
  for (const Frame& frame : frames)
    EXPECT_EQ(udp_checksum(in_gue(Bytes(frame.begin() + 14, frame.end()), 6, 0)), 0);
}

}  // namespace
}  // namespace fairlead::net
