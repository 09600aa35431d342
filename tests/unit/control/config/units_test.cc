// SPDX-License-Identifier: BSD-3-Clause
// Quantities and suggestions.
#include "control/config/units.hh"

#include <gtest/gtest.h>

namespace fairlead::config {
namespace {

TEST(Units, DurationsNeedAUnit) {
  EXPECT_EQ(parse_duration("500ms"), 500 * base::kMillisecond);
  EXPECT_EQ(parse_duration("1s"), base::kSecond);
  EXPECT_EQ(parse_duration("2h"), 7200 * base::kSecond);
  EXPECT_EQ(parse_duration("20us"), 20'000U);
  EXPECT_EQ(parse_duration("0"), 0U);
  for (const auto* bad :
       {"", "5", "ms", "-1s", "010s", "1.5s", "1 s", "1S", "1sec", "99999999999999h"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(Units, SizesAreBinaryAndCountsDecimal) {
  EXPECT_EQ(parse_bytes("16MiB"), 16ULL << 20);
  EXPECT_EQ(parse_bytes("4096"), 4096U);
  EXPECT_EQ(parse_count("1M"), 1'000'000U);
  EXPECT_EQ(parse_count("64k"), 64'000U);
  for (const auto* bad : {"", "16MB", "MiB", "1.5GiB", "18446744073709551615GiB"}) {
    EXPECT_FALSE(parse_bytes(bad)) << bad;
  }
  EXPECT_FALSE(parse_count("1m"));
}

TEST(Units, RealsAreFinite) {
  EXPECT_EQ(parse_real("0.85"), 0.85);
  for (const auto* bad : {"", "nan", "inf", "1e999", "0x10", "1,5"}) {
    EXPECT_FALSE(parse_real(bad)) << bad;
  }
}

TEST(Units, FormattedDurationsReadBack) {
  for (const auto* text : {"500ms", "1s", "90s", "15m", "1h", "20us", "7ns"}) {
    EXPECT_EQ(format_duration(*parse_duration(text)), text);
  }
  EXPECT_EQ(format_bytes(16ULL << 20), "16MiB");
}

TEST(Units, KeyIsReadFirstByteFirst) {
  const auto key = parse_key128("000102030405060708090a0b0c0d0e0f");
  ASSERT_TRUE(key);
  EXPECT_EQ((*key)[0], 0x0706050403020100ULL);
  EXPECT_EQ((*key)[1], 0x0f0e0d0c0b0a0908ULL);
  EXPECT_FALSE(parse_key128("0001"));
  EXPECT_FALSE(parse_key128("zz0102030405060708090a0b0c0d0e0f"));
}

TEST(Nearest, FindsSlipsAndNothingElse) {
  constexpr std::string_view kKnown[] = {"address", "weight", "capacity", "encapsulation"};
  EXPECT_EQ(nearest("adress", kKnown), "address");
  EXPECT_EQ(nearest("wieght", kKnown), "weight");
  EXPECT_EQ(nearest("encapsulaton", kKnown), "encapsulation");
  EXPECT_FALSE(nearest("colour", kKnown));
  EXPECT_FALSE(nearest(std::string(100'000, 'a'), kKnown));
}

}  // namespace
}  // namespace fairlead::config
