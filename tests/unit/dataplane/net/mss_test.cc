// SPDX-License-Identifier: BSD-3-Clause
// The MSS option: found among others, never looked for outside the header, checksum kept right.
#include "dataplane/net/mss.hh"

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

std::uint16_t sum(const Bytes& bytes) {
  std::uint32_t total = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    total += static_cast<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return static_cast<std::uint16_t>(total);
}

TEST(Mss, IsFoundAmongOtherOptions) {
  EXPECT_EQ(find_mss(segment({2, 4, 5, 180})), 22U);
  EXPECT_EQ(find_mss(segment({1, 1, 3, 3, 7, 2, 4, 5, 180})), 27U);
  EXPECT_EQ(find_mss(segment({4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 2, 4, 5, 180})), 34U);
}

TEST(Mss, IsNotFoundWhereOptionsMakeNoSense) {
  EXPECT_EQ(find_mss(segment({})), 0U);
  EXPECT_EQ(find_mss(segment({0, 2, 4, 5, 180})), 0U);      // after the end
  EXPECT_EQ(find_mss(segment({8, 0, 2, 4, 5, 180})), 0U);   // length 0
  EXPECT_EQ(find_mss(segment({2, 3, 5, 180})), 0U);         // MSS of the wrong length
  EXPECT_EQ(find_mss(segment({3, 40, 2, 4, 5, 180})), 0U);  // beyond the header
  EXPECT_EQ(find_mss(Bytes(19)), 0U);
}

TEST(Mss, NoByteOutsideIsReadWhereverTheSegmentEnds) {
  const Bytes whole = segment({4, 2, 1, 2, 4, 5, 180});
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes));
    const std::size_t at = find_mss(cut);
    EXPECT_TRUE(at == 0 || at + 2 <= bytes);
  }
}

TEST(Mss, ClampingKeepsTheChecksumRight) {
  const bool held = rc::check("any option place, any MSS, any limit", [] {
    Bytes options(*rc::gen::inRange<std::size_t>(0, 5), kTcpOptionNop);
    const auto offered = *rc::gen::arbitrary<std::uint16_t>();
    options.insert(
        options.end(),
        {2, 4, static_cast<std::uint8_t>(offered >> 8), static_cast<std::uint8_t>(offered)}
    );
    Bytes tcp = segment(options);
    const std::uint16_t checksum = static_cast<std::uint16_t>(~sum(tcp));
    tcp[16] = static_cast<std::uint8_t>(checksum >> 8);
    tcp[17] = static_cast<std::uint8_t>(checksum);
    const auto most = *rc::gen::inRange<std::uint32_t>(kLeastMss, 65536);

    const bool changed = clamp_mss(tcp, most);

    RC_ASSERT(changed == (offered > most));
    RC_ASSERT(sum(tcp) == 0xffff);
    const std::size_t at = find_mss(tcp);
    RC_ASSERT(
        static_cast<std::uint32_t>(tcp[at] << 8 | tcp[at + 1]) ==
        std::min<std::uint32_t>(offered, most)
    );
  });

  EXPECT_TRUE(held);
}

}  // namespace
}  // namespace fairlead::net
