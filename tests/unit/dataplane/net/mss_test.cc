// SPDX-License-Identifier: BSD-3-Clause
// The MSS option: found among others, never looked for outside the header, checksum kept right.
#include "dataplane/net/mss.hh"

#include <algorithm>
#include <rapidcheck.h>
#include <vector>

#include <gtest/gtest.h>

namespace fairlead::net {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// A TCP header with these options, padded with zeros to whole words, and some payload.
Bytes segment(const Bytes& options) {
  Bytes out(20);
  for (const std::uint8_t byte : options) out.push_back(byte);
  out.resize((out.size() + 3) / 4 * 4);
  out[12] = static_cast<std::uint8_t>(out.size() / 4 << 4);
  out[13] = kTcpSyn;
  for (const std::uint8_t byte : Bytes{2, 4, 9, 9, 2, 4, 9, 9}) out.push_back(byte);  // payload
  return out;
}

std::uint16_t folded_sum(const Bytes& bytes) {
  std::uint32_t total = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    total += static_cast<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return static_cast<std::uint16_t>(total);
}

/// Where the options' values lie.
std::vector<std::size_t> places(const Bytes& tcp) {
  std::vector<std::size_t> out;
  for_each_mss(tcp, [&](std::size_t at) { out.push_back(at); });
  return out;
}
using Places = std::vector<std::size_t>;

TEST(Mss, IsFoundAmongOtherOptions) {
  EXPECT_EQ(places(segment({2, 4, 5, 180})), Places{22});
  EXPECT_EQ(places(segment({1, 1, 3, 3, 7, 2, 4, 5, 180})), Places{27});
  EXPECT_EQ(places(segment({4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 2, 4, 5, 180})), Places{34});
}

TEST(Mss, EachOfSeveralIsFoundUpToWhatMakesNoSense) {
  EXPECT_EQ(places(segment({2, 4, 1, 244, 2, 4, 5, 180})), (Places{22, 26}));
  EXPECT_EQ(places(segment({2, 3, 5, 2, 4, 5, 180})), Places{25});  // the first has no value
  EXPECT_EQ(places(segment({2, 4, 1, 244, 8, 1, 2, 4, 5, 180})), Places{22});
}

TEST(Mss, IsNotFoundWhereOptionsMakeNoSense) {
  EXPECT_EQ(places(segment({})), Places());
  EXPECT_EQ(places(segment({0, 2, 4, 5, 180})), Places());      // after the end
  EXPECT_EQ(places(segment({8, 0, 2, 4, 5, 180})), Places());   // length 0
  EXPECT_EQ(places(segment({2, 3, 5, 180})), Places());         // MSS of the wrong length
  EXPECT_EQ(places(segment({3, 40, 2, 4, 5, 180})), Places());  // beyond the header
  EXPECT_EQ(places(Bytes(19)), Places());
}

TEST(Mss, NoByteOutsideIsReadWhereverTheSegmentEnds) {
  const Bytes whole = segment({4, 2, 1, 2, 4, 5, 180});
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes));
    for (const std::size_t at : places(cut)) EXPECT_LE(at + 2, bytes);
  }
}

TEST(Mss, ClampingKeepsTheChecksumRight) {
  const bool held = rc::check("any option places, any MSS, any limit", [] {
    const auto offers = *rc::gen::container<std::vector<std::uint16_t>>(
        *rc::gen::inRange<std::size_t>(1, 6), rc::gen::arbitrary<std::uint16_t>()
    );
    Bytes options;
    for (const std::uint16_t offered : offers) {
      options.insert(options.end(), *rc::gen::inRange<std::size_t>(0, 4), kTcpOptionNop);
      options.insert(
          options.end(),
          {2, 4, static_cast<std::uint8_t>(offered >> 8), static_cast<std::uint8_t>(offered)}
      );
    }
    Bytes tcp = segment(options);
    const std::uint16_t checksum = static_cast<std::uint16_t>(~folded_sum(tcp));
    tcp[16] = static_cast<std::uint8_t>(checksum >> 8);
    tcp[17] = static_cast<std::uint8_t>(checksum);
    const auto most = *rc::gen::inRange<std::uint32_t>(kLeastMss, 65536);

    const bool changed = clamp_mss(tcp, most);

    RC_ASSERT(changed == (*std::max_element(offers.begin(), offers.end()) > most));
    RC_ASSERT(folded_sum(tcp) == 0xffff);
    const Places found = places(tcp);
    RC_ASSERT(found.size() == offers.size());
    for (std::size_t k = 0; k < found.size(); ++k)
      RC_ASSERT(
          static_cast<std::uint32_t>(tcp[found[k]] << 8 | tcp[found[k] + 1]) ==
          std::min<std::uint32_t>(offers[k], most)
      );
  });

  EXPECT_TRUE(held);
}

}  // namespace
}  // namespace fairlead::net
