// SPDX-License-Identifier: BSD-3-Clause
// Outer headers of probes, against frames that an independent builder makes from the RFCs.
#include "control/health/envelope.hh"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/net/five_tuple.hh"
#include "dataplane/net/gue.h"
#include "dataplane/steer/tuple_hash.hh"
#include "tests/testing/packet_builder.hh"

namespace fairlead::health {
namespace {

using model::Encapsulation;
using testing::packet;
using testing::PacketBuilder;
using Bytes = std::vector<std::uint8_t>;

constexpr std::array<std::uint64_t, 2> kKey = {1, 2};

net::IpAddr ip(const char* text) {
  return *net::IpAddr::parse(text);
}
model::Node node() {
  return {"lb1", ip("192.0.2.11"), ip("2001:db8::11")};
}
Origin origin(const model::Outgoing& outgoing = {}) {
  return make_origin(node(), outgoing, kKey);
}
// The frame without its Ethernet header.
Bytes ip_packet(const PacketBuilder& builder) {
  const testing::Frame frame = builder.build();
  return {frame.begin() + 14, frame.end()};
}
PacketBuilder syn4() {
  return packet().ipv4("192.0.2.11", "203.0.113.10").tcp(40000, 80, "S");
}
PacketBuilder syn6() {
  return packet().ipv6("2001:db8::11", "2001:db8:10::1").tcp(40000, 80, "S");
}

struct Wrapped {
  Bytes bytes;
  std::uint64_t hash = 0;
};
Wrapped wrap_packet(const Bytes& inner, const Envelope& envelope, const Origin& from) {
  Bytes buffer(kRoomInFront + inner.size());
  std::copy(inner.begin(), inner.end(), buffer.begin() + kRoomInFront);
  const auto packet = read_segment(buffer.data() + kRoomInFront, inner.size());
  if (!packet) return {};
  const auto out = wrap(buffer.data() + kRoomInFront, *packet, envelope, from, 7);
  return {Bytes(out.begin(), out.end()), steer::tuple_hash(kKey.data(), packet->tuple)};
}
Envelope envelope(Encapsulation how, const char* vip, const char* backend) {
  return {how, ip(vip), ip(backend)};
}

TEST(Envelope, IpipOverIpv4) {
  const auto out = wrap_packet(
      ip_packet(syn4()), envelope(Encapsulation::kIpip, "203.0.113.10", "10.0.0.1"), origin()
  );

  EXPECT_EQ(
      out.bytes,
      ip_packet(packet()
                    .ipv4("192.0.2.11", "10.0.0.1")
                    .df()
                    .ipv4("192.0.2.11", "203.0.113.10")
                    .tcp(40000, 80, "S"))
  );
}

TEST(Envelope, IpipOverIpv6HasTheFlowsLabel) {
  const auto out = wrap_packet(
      ip_packet(syn4()), envelope(Encapsulation::kIpip, "203.0.113.10", "2001:db8:1::1"), origin()
  );

  EXPECT_EQ(
      out.bytes,
      ip_packet(packet()
                    .ipv6("2001:db8::11", "2001:db8:1::1")
                    .flow_label(fl_outer_flow_label(out.hash))
                    .ipv4("192.0.2.11", "203.0.113.10")
                    .tcp(40000, 80, "S"))
  );
}

TEST(Envelope, GueOverIpv4HasAnEmptyHopList) {
  const auto out = wrap_packet(
      ip_packet(syn6()), envelope(Encapsulation::kGue, "2001:db8:10::1", "10.0.0.1"), origin()
  );

  EXPECT_EQ(
      out.bytes,
      ip_packet(packet()
                    .ipv4("192.0.2.11", "10.0.0.1")
                    .df()
                    .udp(fl_gue_source_port(out.hash), FL_GUE_PORT)
                    .gue()
                    .ipv6("2001:db8::11", "2001:db8:10::1")
                    .tcp(40000, 80, "S"))
  );
}

TEST(Envelope, GueOverIpv6HasNoList) {
  const auto out = wrap_packet(
      ip_packet(syn6()), envelope(Encapsulation::kGue, "2001:db8:10::1", "2001:db8:1::1"), origin()
  );

  EXPECT_EQ(
      out.bytes,
      ip_packet(packet()
                    .ipv6("2001:db8::11", "2001:db8:1::1")
                    .flow_label(fl_outer_flow_label(out.hash))
                    .udp(fl_gue_source_port(out.hash), FL_GUE_PORT)
                    .gue_without_list()
                    .ipv6("2001:db8::11", "2001:db8:10::1")
                    .tcp(40000, 80, "S"))
  );
}

TEST(Envelope, OuterHeadersAreAsConfigured) {
  model::Outgoing outgoing;
  outgoing.source4 = *net::Prefix::parse("192.0.2.99");
  outgoing.ttl = 9;
  outgoing.dscp = 46;
  outgoing.df = model::OuterDf::kClear;

  const auto out = wrap_packet(
      ip_packet(syn4()),
      envelope(Encapsulation::kIpip, "203.0.113.10", "10.0.0.1"),
      origin(outgoing)
  );

  EXPECT_EQ(
      out.bytes,
      ip_packet(packet()
                    .ipv4("192.0.2.99", "10.0.0.1")
                    .ttl(9)
                    .tos(46 << 2)
                    .id(7)
                    .ipv4("192.0.2.11", "203.0.113.10")
                    .tcp(40000, 80, "S"))
  );
}

TEST(Envelope, OnlyWholeSegmentsAndDatagramsAreProbes) {
  const Bytes udp = ip_packet(packet().ipv4("192.0.2.11", "203.0.113.10").udp(40000, 80));
  const Bytes solicitation = ip_packet(packet().ipv6("fe80::1", "ff02::2").icmp(133, 0));
  Bytes cut = ip_packet(syn4());
  cut.resize(cut.size() - 4);
  const auto to = envelope(Encapsulation::kIpip, "203.0.113.10", "10.0.0.1");

  EXPECT_FALSE(wrap_packet(udp, to, origin()).bytes.empty());
  for (const Bytes& other : {solicitation, cut})
    EXPECT_TRUE(wrap_packet(other, to, origin()).bytes.empty());
}

TEST(Envelope, SaysWhichAddressIsMissing) {
  const auto to4 = envelope(Encapsulation::kIpip, "203.0.113.10", "10.0.0.1");
  const auto to6 = envelope(Encapsulation::kIpip, "203.0.113.10", "2001:db8:1::1");
  const auto vip6 = envelope(Encapsulation::kIpip, "2001:db8:10::1", "10.0.0.1");
  model::Node only4 = node();
  only4.address6.reset();
  const Origin from = make_origin(only4, {}, kKey);

  EXPECT_EQ(missing(from, to4), "");
  EXPECT_EQ(missing(from, to6), "neither node.address6 nor tunnel.source6 is set");
  EXPECT_EQ(missing(from, vip6), "node.address6 is not set");
}

}  // namespace
}  // namespace fairlead::health
