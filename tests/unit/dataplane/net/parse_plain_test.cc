// SPDX-License-Identifier: BSD-3-Clause
// What parse_plain() accepts is what parse_packet() accepts, with the same result.
#include "dataplane/net/parse_plain.hh"

#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/testing/packet_builder.hh"

namespace fairlead::net {
namespace {

using testing::Frame;
using testing::packet;

std::vector<Frame> sound_frames() {
  return {
      packet().ipv4("198.51.100.7", "203.0.113.10").tos(0xb9).ttl(9).tcp(40000, 443, "SP"),
      packet().ipv4("198.51.100.7", "203.0.113.10").tcp(1, 80, "A").payload(30),
      packet().ipv4("198.51.100.7", "203.0.113.10").udp(40000, 53).payload(40),
      packet().ipv6("2001:db8::7", "2001:db8::10").tos(0xb9).tcp(40000, 443, "A"),
      packet().ipv6("2001:db8::7", "2001:db8::10").udp(40000, 53).payload(40),
  };
}

/// True if the plain parser took it; then the two must agree.
bool compare(const Frame& frame, std::uint32_t frame_bytes) {
  ParsedPacket plain;
  std::memset(static_cast<void*>(&plain), 0xee, sizeof plain);
  ParsedPacket careful;
  const auto length = static_cast<std::uint32_t>(frame.size());
  if (!parse_plain(frame.data(), length, frame_bytes, plain)) return false;

  EXPECT_EQ(FL_REASON_NONE, parse_packet({frame.data(), frame.size()}, frame_bytes, careful));
  EXPECT_EQ(careful.tuple, plain.tuple);
  EXPECT_EQ(careful.ip_bytes, plain.ip_bytes);
  EXPECT_EQ(careful.l3_offset, plain.l3_offset);
  EXPECT_EQ(careful.l4_offset, plain.l4_offset);
  EXPECT_EQ(careful.tcp_flags, plain.tcp_flags);
  EXPECT_EQ(careful.traffic_class, plain.traffic_class);
  EXPECT_EQ(careful.ttl, plain.ttl);
  EXPECT_EQ(careful.vlan_tags, plain.vlan_tags);
  return true;
}

/// Makes the IPv4 header's checksum right again, so that other faults are not hidden behind it.
void repair_checksum(Frame& frame) {
  if (frame.size() < 34 || frame[12] != 0x08) return;
  frame[24] = frame[25] = 0;
  const std::uint16_t checksum = ipv4_checksum(frame.data() + 14, 20);
  std::memcpy(frame.data() + 24, &checksum, sizeof checksum);
}

TEST(ParsePlain, TakesOrdinaryPackets) {
  for (const Frame& frame : sound_frames())
    EXPECT_TRUE(compare(frame, static_cast<std::uint32_t>(frame.size())));
}

TEST(ParsePlain, AgreesOnEveryValueOfEveryHeaderByte) {
  for (const Frame& sound : sound_frames()) {
    const auto bytes = static_cast<std::uint32_t>(sound.size());
    for (std::size_t at = 12; at < sound.size() && at < 74; ++at) {
      for (unsigned value = 0; value < 256; ++value) {
        Frame frame = sound;
        frame[at] = static_cast<std::uint8_t>(value);
        compare(frame, bytes);
        repair_checksum(frame);
        compare(frame, bytes);
      }
    }
  }
}

TEST(ParsePlain, AgreesOnEveryLength) {
  for (const Frame& sound : sound_frames()) {
    for (std::size_t length = 0; length <= sound.size(); ++length) {
      Frame frame(sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(length));
      frame.shrink_to_fit();
      compare(frame, static_cast<std::uint32_t>(length));
      compare(frame, static_cast<std::uint32_t>(sound.size()));
    }
  }
}

TEST(ParsePlain, AgreesOnFramesWithSeveralFaults) {
  std::mt19937 random(7);
  unsigned taken = 0;
  const std::vector<Frame> sound = sound_frames();
  for (unsigned round = 0; round < 300'000; ++round) {
    Frame frame = sound[random() % sound.size()];
    for (unsigned fault = 0; fault < 3; ++fault)
      frame[12 + random() % (frame.size() - 12)] = static_cast<std::uint8_t>(random());
    repair_checksum(frame);
    if (compare(frame, static_cast<std::uint32_t>(frame.size()))) ++taken;
  }
  EXPECT_GT(taken, 1000U) << "the comparison was empty";
}

}  // namespace
}  // namespace fairlead::net
