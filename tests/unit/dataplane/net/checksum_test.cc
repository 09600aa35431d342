// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/net/checksum.hh"

#include <cstring>
#include <rapidcheck.h>
#include <vector>

#include <gtest/gtest.h>

namespace fairlead::net {
namespace {

TEST(Checksum, OfTheExampleInRfc1071) {
  // Section 3: the one's complement sum of these words is ddf2.
  const std::uint8_t words[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

  EXPECT_EQ(be16::from_host(0xddf2).raw(), fold_sum(sum_words(words, sizeof words)));
}

TEST(Checksum, UpdateEqualsComputingAnew) {
  const bool held = rc::check("any one word changed", [] {
    auto header =
        *rc::gen::container<std::vector<std::uint8_t>>(20, rc::gen::arbitrary<std::uint8_t>());
    header[0] = 0x45;  // a sum of zero does not occur in a real header
    const auto at = 2 * *rc::gen::inRange<std::size_t>(0, 10);
    const auto value = *rc::gen::arbitrary<std::uint16_t>();
    std::uint16_t before;
    std::memcpy(&before, &header[at], 2);
    const std::uint16_t checksum = ipv4_checksum(header.data(), 20);
    std::memcpy(&header[at], &value, 2);
    if (at == 0) header[0] = 0x45;
    std::uint16_t after;
    std::memcpy(&after, &header[at], 2);

    RC_ASSERT(checksum_update(checksum, before, after) == ipv4_checksum(header.data(), 20));
  });

  EXPECT_TRUE(held);
}

TEST(Checksum, OfAHeaderWithItsChecksumIsOk) {
  std::uint8_t header[20] = {0x45, 0, 0, 60, 1, 2, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
  const std::uint16_t checksum = ipv4_checksum(header, sizeof header);
  std::memcpy(header + 10, &checksum, 2);

  EXPECT_TRUE(ipv4_checksum_ok(header, sizeof header));
  header[8] = 63;
  EXPECT_FALSE(ipv4_checksum_ok(header, sizeof header));
}

}  // namespace
}  // namespace fairlead::net
