// SPDX-License-Identifier: BSD-3-Clause
// What parse_plain() accepts is what parse_packet() accepts, with the same result, whatever lies in
// the other lanes.
#include "dataplane/net/plain.hh"

#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/net/checksum.hh"
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

/// Eight frames, collected and then parsed at once. Each lies in memory of exactly its length, so
/// that a sanitizer sees every byte too much.
class Eight {
 public:
  /// True if the eight are full: then check().
  bool add(const Frame& frame, std::uint32_t frame_bytes) {
    copies_[used_].reset(new std::uint8_t[frame.size()]);
    if (!frame.empty()) std::memcpy(copies_[used_].get(), frame.data(), frame.size());
    data_[used_] = copies_[used_].get();
    length_[used_] = static_cast<std::uint32_t>(frame.size());
    frame_bytes_[used_] = frame_bytes;
    return ++used_ == kLanes;
  }
  /// Compares each frame's result with the careful parser's. Returns how many were plain.
  unsigned check() {
    PlainPackets plain{};
    const std::uint32_t present = (1U << used_) - 1;
    const unsigned at = column_ = (column_ + kLanes) % PlainPackets::kMost;
    parse_plain(data_, length_, frame_bytes_, present, at, plain);
    EXPECT_EQ(0U, plain.v4 & plain.v6);
    EXPECT_EQ(0U, plain.any() & ~(present << at));
    unsigned taken = 0;
    for (unsigned i = 0; i < used_; ++i) {
      if ((plain.any() >> (at + i) & 1U) == 0) continue;
      ++taken;
      ParsedPacket parsed;
      describe(plain, at + i, parsed);
      compare(i, parsed);
      check_tuple(plain, at + i, parsed.tuple);
    }
    used_ = 0;
    return taken;
  }

 private:
  void compare(unsigned i, const ParsedPacket& plain) {
    ParsedPacket careful;
    ASSERT_EQ(FL_REASON_NONE, parse_packet({data_[i], length_[i]}, frame_bytes_[i], careful));
    EXPECT_EQ(careful.tuple, plain.tuple);
    EXPECT_EQ(careful.ip_bytes, plain.ip_bytes);
    EXPECT_EQ(careful.l3_offset, plain.l3_offset);
    EXPECT_EQ(careful.l4_offset, plain.l4_offset);
    EXPECT_EQ(careful.tcp_flags, plain.tcp_flags);
    EXPECT_EQ(careful.traffic_class, plain.traffic_class);
    EXPECT_EQ(careful.ttl, plain.ttl);
    EXPECT_EQ(careful.vlan_tags, plain.vlan_tags);
  }
  /// The hash's blocks are the tuple.
  static void check_tuple(const PlainPackets& plain, unsigned i, const FiveTuple& tuple) {
    const std::uint64_t tail = tuple.ports_raw | std::uint64_t{tuple.protocol} << 32;
    if (tuple.family == 4) {
      EXPECT_EQ(tuple.addresses4(), plain.tuple4[0][i]);
      EXPECT_EQ(tail | kTupleBytes4 << 56, plain.tuple4[1][i]);
    } else {
      EXPECT_EQ(tail | kTupleBytes6 << 56, plain.tuple6[4][i]);
    }
  }

  std::unique_ptr<std::uint8_t[]> copies_[kLanes];
  const std::uint8_t* data_[kLanes] = {};
  std::uint32_t length_[kLanes] = {};
  std::uint32_t frame_bytes_[kLanes] = {};
  unsigned used_ = 0;
  unsigned column_ = 0;
};

/// How many of them are plain, in whatever company.
unsigned check_all(const std::vector<std::pair<Frame, std::uint32_t>>& frames) {
  Eight eight;
  unsigned taken = 0;
  for (const auto& [frame, frame_bytes] : frames)
    if (eight.add(frame, frame_bytes)) taken += eight.check();
  return taken + eight.check();
}

/// Makes the IPv4 header's checksum right again, so that other faults are not hidden behind it.
void repair_checksum(Frame& frame) {
  if (frame.size() < 34 || frame[12] != 0x08) return;
  frame[24] = frame[25] = 0;
  const std::uint16_t checksum = ipv4_checksum(frame.data() + 14, 20);
  std::memcpy(frame.data() + 24, &checksum, sizeof checksum);
}

TEST(Plain, TakesOrdinaryPackets) {
  std::vector<std::pair<Frame, std::uint32_t>> frames;
  for (unsigned round = 0; round < 8; ++round)
    for (const Frame& frame : sound_frames()) frames.emplace_back(frame, frame.size());
  EXPECT_EQ(frames.size(), check_all(frames));
}

TEST(Plain, AgreesOnEveryValueOfEveryHeaderByte) {
  for (const Frame& sound : sound_frames()) {
    std::vector<std::pair<Frame, std::uint32_t>> frames;
    for (std::size_t at = 12; at < sound.size() && at < 74; ++at) {
      for (unsigned value = 0; value < 256; ++value) {
        Frame frame = sound;
        frame[at] = static_cast<std::uint8_t>(value);
        frames.emplace_back(frame, sound.size());
        repair_checksum(frame);
        frames.emplace_back(frame, sound.size());
      }
    }
    EXPECT_GT(check_all(frames), 1000U) << "the comparison was empty";
  }
}

TEST(Plain, AgreesOnEveryLength) {
  std::vector<std::pair<Frame, std::uint32_t>> frames;
  for (const Frame& sound : sound_frames()) {
    for (std::size_t length = 0; length <= sound.size(); ++length) {
      const Frame frame(sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(length));
      frames.emplace_back(frame, length);
      frames.emplace_back(frame, sound.size());
    }
  }
  EXPECT_GT(check_all(frames), 0U);
}

TEST(Plain, AgreesOnFramesWithSeveralFaults) {
  std::mt19937 random(7);
  unsigned taken = 0;
  const std::vector<Frame> sound = sound_frames();
  Eight eight;
  for (unsigned round = 0; round < 300'000; ++round) {
    Frame frame = sound[random() % sound.size()];
    for (unsigned fault = 0; fault < 3; ++fault)
      frame[12 + random() % (frame.size() - 12)] = static_cast<std::uint8_t>(random());
    repair_checksum(frame);
    if (eight.add(frame, static_cast<std::uint32_t>(frame.size()))) taken += eight.check();
  }
  EXPECT_GT(taken, 1000U) << "the comparison was empty";
}

}  // namespace
}  // namespace fairlead::net
