// SPDX-License-Identifier: BSD-3-Clause
// Golden values of the flow hash: a change here re-steers every flow of every fleet.
#include "dataplane/steer/flow_hash.h"

#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "control/steering/keyed_hash.hh"
#include "dataplane/net/addr.hh"

namespace {

using fairlead::net::IpAddr;

constexpr std::uint64_t kKey[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

std::uint64_t hash_of(
    const char* source,
    const char* destination,
    std::uint16_t sport,
    std::uint16_t dport,
    std::uint8_t protocol
) {
  const IpAddr from = *IpAddr::parse(source);
  const IpAddr to = *IpAddr::parse(destination);
  const std::uint32_t ports =
      __builtin_bswap16(sport) | static_cast<std::uint32_t>(__builtin_bswap16(dport)) << 16;
  std::uint64_t words[4] = {};
  if (from.is_v4()) {
    std::memcpy(words, from.bytes.data(), 4);
    std::memcpy(reinterpret_cast<char*>(words) + 4, to.bytes.data(), 4);
    return fl_flow_hash4(kKey, words[0], ports, protocol);
  }
  std::memcpy(words, from.bytes.data(), 16);
  std::memcpy(words + 2, to.bytes.data(), 16);
  return fl_flow_hash6(kKey, words, ports, protocol);
}

TEST(FlowHash, GoldenValues) {
  EXPECT_EQ(hash_of("198.51.100.7", "203.0.113.10", 51234, 80, 6), 0xf486f153873623dbu);
  EXPECT_EQ(hash_of("198.51.100.7", "203.0.113.10", 51234, 80, 17), 0xa32b0c9c0ddbd57bu);
  EXPECT_EQ(hash_of("198.51.100.8", "203.0.113.10", 51234, 80, 6), 0x48e4cf9bd7aa9935u);
  EXPECT_EQ(hash_of("2001:db8::7", "2001:db8:1::10", 51234, 443, 6), 0x46e17727aff5cd2fu);
  EXPECT_EQ(hash_of("0.0.0.0", "0.0.0.0", 0, 0, 0), 0x23c1a1b1aaa0af63u);
}

TEST(FlowHash, GoldenCandidateSlots) {
  const std::uint64_t hash = 0xf486f153873623db;
  EXPECT_EQ(fl_candidate_slot(hash, 0, 65537), 62599u);
  EXPECT_EQ(fl_candidate_slot(hash, 1, 65537), 2714u);
  EXPECT_EQ(fl_candidate_slot(hash, 2, 65537), 20932u);
  EXPECT_EQ(fl_candidate_slot(hash, 3, 65537), 34596u);
}

TEST(FlowHash, CandidateSlotsStayInsideTheTable) {
  for (const std::uint64_t hash : {0ull, ~0ull, 1ull << 63, 0xffffffffull})
    for (std::uint32_t c = 0; c < 4; ++c)
      for (const std::uint32_t size : {1u, 251u, 65537u, 1048583u})
        EXPECT_LT(fl_candidate_slot(hash, c, size), size);
}

// First: the published SipHash-1-3 vector of the empty message under key 00..0f.
TEST(KeyedHash, GoldenValuesOfEveryTailLength) {
  std::string message;
  const auto hash = [&] { return fairlead::steering::keyed_hash({kKey[0], kKey[1]}, message); };
  EXPECT_EQ(hash(), 0xabac0158050fc4dcu);
  const auto extend = [&](std::size_t length) {
    while (message.size() < length) message += static_cast<char>(message.size());
  };
  extend(1);
  EXPECT_EQ(hash(), 0xc9f49bf37d57ca93u);
  extend(7);
  EXPECT_EQ(hash(), 0xd3927d989bb11140u);
  extend(8);
  EXPECT_EQ(hash(), 0x369095118d299a8eu);
  extend(63);
  EXPECT_EQ(hash(), 0x9d199062b7bbb3a8u);
}

}  // namespace
