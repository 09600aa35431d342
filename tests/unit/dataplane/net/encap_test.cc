// SPDX-License-Identifier: BSD-3-Clause
// Encapsulating and then taking the outer headers off again, by an independent decapsulator, gives
// the inner packet back.
#include "dataplane/net/encap.hh"

#include <algorithm>
#include <rapidcheck.h>
#include <vector>

#include <gtest/gtest.h>

#include "tests/testing/expect_packet.hh"
#include "tests/testing/packet_builder.hh"

namespace fairlead::net {
namespace {

using testing::Frame;
using testing::packet;
using Bytes = std::vector<std::uint8_t>;

unsigned at16(const Bytes& b, std::size_t i) {
  return static_cast<unsigned>(b[i] << 8 | b[i + 1]);
}

/// Written from RFC 2003, 2473, 768 and the GUE draft. Throws on anything that does not fit.
struct Decapsulated {
  Bytes inner;
  unsigned inner_protocol = 0;
  unsigned traffic_class = 0;
};
Decapsulated decapsulate(const Bytes& outer) {
  const auto require = [](bool ok) {
    if (!ok) throw std::runtime_error("malformed outer packet");
  };
  Decapsulated out;
  std::size_t at = 0;
  unsigned protocol = 0;
  if (outer.at(0) >> 4 == 4) {
    require(outer[0] == 0x45 && at16(outer, 2) == outer.size());
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < 20; i += 2) sum += at16(outer, i);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    require(sum == 0xffff);
    require(at16(outer, 4) == 0 && at16(outer, 6) == 0x4000 && outer[8] == 64);
    out.traffic_class = outer[1];
    protocol = outer[9];
    at = 20;
  } else {
    require(outer[0] >> 4 == 6 && at16(outer, 4) + 40 == outer.size() && outer[7] == 64);
    out.traffic_class = (at16(outer, 0) >> 4) & 0xff;
    protocol = outer[6];
    at = 40;
  }
  if (protocol == 17) {
    require(at16(outer, at) >= 0x8000 && at16(outer, at + 2) == 19523);
    require(at16(outer, at + 4) == outer.size() - at && at16(outer, at + 6) == 0);
    at += 8;
    require(outer[at] >> 5 == 0 && at16(outer, at + 2) == 0);
    protocol = outer[at + 1];
    at += 4 + 4 * (outer[at] & 31U);
  }
  out.inner_protocol = protocol;
  out.inner.assign(outer.begin() + static_cast<std::ptrdiff_t>(at), outer.end());
  return out;
}

struct Shape {
  std::uint8_t inner_family;
  std::uint8_t outer_family;
  bool gue;
  unsigned hops = 0;
};

Bytes encapsulate(
    const Bytes& inner, const Shape& shape, std::uint8_t traffic_class, std::uint64_t hash
) {
  const std::uint8_t source[16] = {10, 0, 0, 1};
  const std::uint8_t destination[16] = {10, 0, 0, 2};
  Bytes buffer(kMaxOuterBytes);
  buffer.insert(buffer.end(), inner.begin(), inner.end());
  const Tunnel tunnel{
      source,
      destination,
      static_cast<std::uint32_t>(inner.size()),
      hash,
      shape.outer_family,
      shape.inner_family,
      traffic_class};
  std::uint8_t* const at = buffer.data() + kMaxOuterBytes;
  // Hop h is an address of bytes h + 1.
  Bytes hops;
  for (unsigned h = 0; h < shape.hops; ++h)
    hops.insert(hops.end(), shape.outer_family == 6 ? 16 : 4, static_cast<std::uint8_t>(h + 1));
  std::uint8_t* const start = shape.gue ? write_gue(at, tunnel, hops) : write_ipip(at, tunnel);
  const unsigned expected =
      shape.gue ? gue_bytes(shape.outer_family, shape.hops) : ipip_bytes(shape.outer_family);
  RC_ASSERT(static_cast<unsigned>(at - start) == expected);
  return Bytes(start, buffer.data() + buffer.size());
}

TEST(Encap, ThenDecapIsIdentity) {
  const bool held = rc::check("any inner packet in any tunnel", [] {
    const auto inner = *rc::gen::container<Bytes>(rc::gen::arbitrary<std::uint8_t>());
    Shape shape{
        *rc::gen::element<std::uint8_t>(4, 6),
        *rc::gen::element<std::uint8_t>(4, 6),
        *rc::gen::arbitrary<bool>(),
        0};
    const unsigned most = shape.outer_family == 4 ? FL_GUE_MAX_HOPS : FL_GUE_MAX_HOPS6;
    shape.hops = *rc::gen::inRange<unsigned>(0, most + 1);
    const auto traffic_class = *rc::gen::arbitrary<std::uint8_t>();
    const auto hash = *rc::gen::arbitrary<std::uint64_t>();

    const Decapsulated result = decapsulate(encapsulate(inner, shape, traffic_class, hash));

    RC_ASSERT(result.inner == inner);
    RC_ASSERT(result.inner_protocol == (shape.inner_family == 4 ? 4U : 41U));
    RC_ASSERT(result.traffic_class == traffic_class);
  });

  EXPECT_TRUE(held);
}

TEST(Encap, GueCarriesTheHopsInOrder) {
  const Bytes outer = encapsulate(Bytes(20), {4, 4, true, 2}, 0, 1);

  const Bytes expected = {3, 4, 0, 0, 0, 0, 0, 2, 1, 1, 1, 1, 2, 2, 2, 2};
  EXPECT_EQ(expected, Bytes(outer.begin() + 28, outer.begin() + 44));
}

TEST(Encap, HopsOverIpv6HaveATypeOfTheirOwnAndAnEmptyListIsLeftOut) {
  const Bytes with = encapsulate(Bytes(20), {4, 6, true, 1}, 0, 1);
  const Bytes without = encapsulate(Bytes(20), {4, 6, true, 0}, 0, 1);

  Bytes expected = {5, 4, 0, 0, 0, 1, 0, 1};
  expected.insert(expected.end(), 16, 1);
  EXPECT_EQ(expected, Bytes(with.begin() + 48, with.begin() + 72));
  EXPECT_EQ((Bytes{0, 4, 0, 0}), Bytes(without.begin() + 48, without.begin() + 52));
}

TEST(Encap, EthernetHeaderMovesForwardWithItsTags) {
  const Frame before =
      packet().vlan(200, 0x88a8).vlan(100).ipv4("192.0.2.1", "192.0.2.2").udp(1, 2);
  Frame buffer(8);  // less than the header's 22 bytes: both overlap
  buffer.insert(buffer.end(), before.begin(), before.end());
  std::uint8_t* const l3 = buffer.data() + 8 + 22;

  std::uint8_t* const start = write_ethernet(
      l3 - 8,
      buffer.data() + 8,
      2,
      6,
      *MacAddr::parse("02:00:00:00:00:aa"),
      *MacAddr::parse("02:00:00:00:00:bb")
  );

  const Frame expected = packet()
                             .ether("02:00:00:00:00:aa", "02:00:00:00:00:bb")
                             .vlan(200, 0x88a8)
                             .vlan(100)
                             .ethertype(0x86dd)
                             .bytes({});
  FL_EXPECT_PACKET(expected, Frame(start, start + 22));
  EXPECT_EQ(buffer.data(), start);
}

TEST(Encap, DecrementingTtlKeepsTheChecksumRight) {
  for (unsigned ttl = 1; ttl < 256; ++ttl) {
    Frame frame =
        packet().ipv4("192.0.2.1", "192.0.2.2").ttl(static_cast<std::uint8_t>(ttl)).udp(1, 2);

    decrement_ttl(frame.data() + 14, 4);

    const Frame expected =
        packet().ipv4("192.0.2.1", "192.0.2.2").ttl(static_cast<std::uint8_t>(ttl - 1)).udp(1, 2);
    FL_EXPECT_PACKET(expected, frame);
  }
}

}  // namespace
}  // namespace fairlead::net
