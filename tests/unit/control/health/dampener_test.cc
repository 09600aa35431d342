// SPDX-License-Identifier: BSD-3-Clause
// Rise, fall, flaps, fail open.
#include "control/health/dampener.hh"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace fairlead::health {
namespace {

// Feeds '+' and '-'; returns the states after each, one letter: U up, D down.
std::string run(Dampener& dampener, std::string_view results) {
  std::string states;
  for (const char c : results) {
    dampener.on_result(c == '+');
    states += dampener.state() == State::kUp ? 'U' : 'D';
  }
  return states;
}

TEST(Dampener, FirstResultDecidesAlone) {
  Dampener up(3, 3);
  Dampener down(3, 3);

  EXPECT_EQ(run(up, "+"), "U");
  EXPECT_EQ(run(down, "-"), "D");
  EXPECT_EQ(up.flaps() + down.flaps(), 0U);
}

TEST(Dampener, NeedsFallFailuresInARow) {
  Dampener d(2, 3, State::kUp);

  EXPECT_EQ(run(d, "--+--+---"), "UUUUUUUUD");
}

TEST(Dampener, NeedsRiseSuccessesInARow) {
  Dampener d(3, 2, State::kDown);

  EXPECT_EQ(run(d, "++-+++"), "DDDDDU");
}

TEST(Dampener, FailuresFarApartNeverAddUp) {
  Dampener d(2, 2, State::kUp);

  for (int i = 0; i < 1000; ++i) EXPECT_EQ(run(d, "-+"), "UU");
  EXPECT_EQ(d.flaps(), 0U);
}

TEST(Dampener, CountsFlaps) {
  Dampener d(1, 1, State::kUp);

  run(d, "-+-+");

  EXPECT_EQ(d.flaps(), 4U);
}

TEST(FailOpen, OnlyBelowTheFraction) {
  EXPECT_FALSE(fails_open(0, 10, 0));
  EXPECT_FALSE(fails_open(5, 10, 50));
  EXPECT_TRUE(fails_open(4, 10, 50));
  EXPECT_TRUE(fails_open(0, 1, 1));
  EXPECT_FALSE(fails_open(0, 0, 100));
}

}  // namespace
}  // namespace fairlead::health
