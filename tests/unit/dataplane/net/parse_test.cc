// SPDX-License-Identifier: BSD-3-Clause
// What the packet table does not say: positions, and that nothing outside the span is read.
#include "dataplane/net/parse.hh"

#include <memory>
#include <rapidcheck.h>

#include <gtest/gtest.h>

#include "tests/testing/packet_builder.hh"

namespace fairlead::net {
namespace {

using testing::Frame;
using testing::packet;

constexpr const char* kClient = "198.51.100.7";
constexpr const char* kVip = "203.0.113.10";

/// Parses a copy whose memory ends with the frame, so that a sanitizer sees reads beyond it.
fl_reason parse_exact(const Frame& frame, ParsedPacket& out) {
  const auto copy = std::make_unique<std::uint8_t[]>(frame.size());
  std::copy(frame.begin(), frame.end(), copy.get());
  return parse_packet({copy.get(), frame.size()}, static_cast<std::uint32_t>(frame.size()), out);
}

TEST(Parse, FindsAddressesPortsAndPositions) {
  const Frame frame = packet()
                          .vlan(5)
                          .ipv4(kClient, kVip)
                          .options(4)
                          .tos(0x2a)
                          .ttl(9)
                          .tcp(40000, 443, "SA")
                          .payload(3);
  ParsedPacket parsed;

  ASSERT_EQ(FL_REASON_NONE, parse_exact(frame, parsed));

  EXPECT_EQ(
      make_tuple(IpProto::kTcp, *IpAddr::parse(kClient), 40000, *IpAddr::parse(kVip), 443),
      parsed.tuple
  );
  EXPECT_EQ(18, parsed.l3_offset);
  EXPECT_EQ(18 + 24, parsed.l4_offset);
  EXPECT_EQ(24U + 20U + 3U, parsed.ip_bytes);
  EXPECT_EQ(0x12, parsed.tcp_flags);
  EXPECT_EQ(0x2a, parsed.traffic_class);
  EXPECT_EQ(9, parsed.ttl);
  EXPECT_EQ(1, parsed.vlan_tags);
}

TEST(Parse, FindsPortsBehindIpv6Extensions) {
  const Frame frame = packet()
                          .ipv6("2001:db8::1", "2001:db8::2")
                          .extension(0, 16)
                          .extension(60)
                          .udp(1000, 53)
                          .payload(4);
  ParsedPacket parsed;

  ASSERT_EQ(FL_REASON_NONE, parse_exact(frame, parsed));

  EXPECT_EQ(
      make_tuple(
          IpProto::kUdp, *IpAddr::parse("2001:db8::1"), 1000, *IpAddr::parse("2001:db8::2"), 53
      ),
      parsed.tuple
  );
  EXPECT_EQ(14 + 40 + 16 + 8, parsed.l4_offset);
}

TEST(Parse, LeavesTheFamilyZeroWhenTheIpHeaderIsBroken) {
  ParsedPacket parsed;
  EXPECT_EQ(
      FL_REASON_BAD_IP_CHECKSUM,
      parse_exact(packet().ipv4(kClient, kVip).wrong_checksum().tcp(1, 2, "S"), parsed)
  );
  EXPECT_EQ(0, parsed.tuple.family);
}

TEST(Parse, TellsFragmentsApart) {
  ParsedPacket parsed;
  const auto begin = [] { return packet().ipv4(kClient, kVip).id(0x1234); };
  EXPECT_EQ(
      FL_REASON_NONE, parse_exact(begin().ipv4_fragment(0, true).udp(1, 2).udp_length(99), parsed)
  );
  EXPECT_EQ(PacketKind::kFirstFragment, parsed.kind);
  EXPECT_EQ(be16::from_host(0x1234).raw(), parsed.fragment_id);
  EXPECT_EQ(2, parsed.tuple.destination_port());

  EXPECT_EQ(
      FL_REASON_NONE, parse_exact(begin().protocol(17).ipv4_fragment(9, false).payload(3), parsed)
  );
  EXPECT_EQ(PacketKind::kLaterFragment, parsed.kind);
  EXPECT_EQ(be16::from_host(0x1234).raw(), parsed.fragment_id);
  EXPECT_EQ(0U, parsed.tuple.ports_raw);
  EXPECT_EQ(*IpAddr::parse(kVip), parsed.tuple.destination_address());
}

TEST(Parse, TurnsTheTupleRoundThatAnIcmpErrorQuotes) {
  ParsedPacket parsed;
  EXPECT_EQ(
      FL_REASON_NONE,
      parse_exact(
          packet().ipv4("192.0.2.9", kVip).icmp(3, 4, 1400).ipv4(kVip, kClient).tcp(80, 40000, "A"),
          parsed
      )
  );
  EXPECT_EQ(PacketKind::kIcmpError, parsed.kind);
  const FiveTuple flow =
      make_tuple(IpProto::kTcp, *IpAddr::parse(kClient), 40000, *IpAddr::parse(kVip), 80);
  EXPECT_EQ(flow, parsed.tuple);
}

TEST(Parse, AcceptsHeadersInTheFirstSegmentOfALongerFrame) {
  const Frame frame = packet().ipv4(kClient, kVip).tcp(40000, 80, "A").payload(1000);
  ParsedPacket parsed;

  EXPECT_EQ(
      FL_REASON_NONE,
      parse_packet({frame.data(), 54}, static_cast<std::uint32_t>(frame.size()), parsed)
  );
  EXPECT_EQ(
      FL_REASON_TRUNCATED_L4,
      parse_packet({frame.data(), 53}, static_cast<std::uint32_t>(frame.size()), parsed)
  );
}

TEST(Parse, RefusesAFrameCutAnywhere) {
  const Frame frames[] = {
      packet().ipv4(kClient, kVip).tcp(40000, 80, "S").payload(4),
      packet().vlan(1).vlan(2).ipv4(kClient, kVip).options(20).udp(40000, 80).payload(4),
      packet()
          .ipv6("2001:db8::1", "2001:db8::2")
          .extension(0, 24)
          .extension(43)
          .tcp(1, 2, "A")
          .payload(4),
  };
  for (const Frame& whole : frames) {
    ParsedPacket parsed;
    ASSERT_EQ(FL_REASON_NONE, parse_exact(whole, parsed));
    for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
      const Frame cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes));
      EXPECT_NE(FL_REASON_NONE, parse_exact(cut, parsed))
          << bytes << " of " << whole.size() << " bytes";
    }
  }
}

TEST(Parse, StaysInBoundsWhateverTheBytes) {
  const bool held = rc::check("a real frame with bytes changed and cut", [] {
    Frame frame = *rc::gen::element<Frame>(
        packet().ipv4(kClient, kVip).options(8).tcp(40000, 80, "S").payload(8),
        packet()
            .vlan(1)
            .ipv6("2001:db8::1", "2001:db8::2")
            .extension(0)
            .extension(44)
            .extension(51, 16)
            .udp(1, 2)
            .payload(8),
        packet().ipv4(kClient, kVip).udp(40000, 53).payload(8)
    );
    const auto changes = *rc::gen::inRange(0, 6);
    for (int i = 0; i < changes; ++i)
      frame[*rc::gen::inRange<std::size_t>(12, frame.size())] = *rc::gen::arbitrary<std::uint8_t>();
    frame.resize(*rc::gen::inRange<std::size_t>(0, frame.size() + 1));
    ParsedPacket parsed;
    if (parse_exact(frame, parsed) != FL_REASON_NONE) return;

    RC_ASSERT(parsed.l3_offset + parsed.ip_bytes <= frame.size());
    RC_ASSERT(parsed.l4_offset + 8U <= parsed.l3_offset + parsed.ip_bytes);
    RC_ASSERT(parsed.tuple.family == 4 || parsed.tuple.family == 6);
    RC_ASSERT(parsed.tuple.source_port() != 0);
  });

  EXPECT_TRUE(held);
}

}  // namespace
}  // namespace fairlead::net
