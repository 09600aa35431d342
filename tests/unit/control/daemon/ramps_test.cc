// SPDX-License-Identifier: BSD-3-Clause
// Weights that go in steps: the line, its end, and who else may set them.
#include "control/ramps.hh"

#include <gtest/gtest.h>

namespace fairlead::control {
namespace {

constexpr base::Nanoseconds kS = base::kSecond;
const Member kB1{"web", "b1"};

TEST(Ramp, GoesStraightUpAndDown) {
  const Ramp up{0, 100, 0, 1000 * kS, 1100 * kS};
  EXPECT_EQ(weight_at(up, 999 * kS), 0U);
  EXPECT_EQ(weight_at(up, 1025 * kS), 25U);
  EXPECT_EQ(weight_at(up, 1100 * kS), 100U);
  EXPECT_EQ(weight_at(up, 9999 * kS), 100U);

  const Ramp down{10000, 0, 10000, 1000 * kS, 1010 * kS};
  EXPECT_EQ(weight_at(down, 1001 * kS), 9000U);
  EXPECT_EQ(weight_at(down, 1010 * kS), 0U);
}

TEST(Ramp, ArrivesAndIsOver) {
  Ramps ramps{{kB1, {20, 40, 20, 1000 * kS, 1010 * kS}}};
  SetWeights weights{{kB1, 20}};

  EXPECT_TRUE(move_ramps(ramps, weights, 1005 * kS).changed);
  EXPECT_EQ(weights[kB1], 30U);
  EXPECT_FALSE(move_ramps(ramps, weights, 1005 * kS).changed);
  const RampsMoved last = move_ramps(ramps, weights, 1012 * kS);

  EXPECT_EQ(weights[kB1], 40U);
  EXPECT_EQ(last.arrived, std::vector<Member>{kB1});
  EXPECT_TRUE(ramps.empty());
}

TEST(Ramp, GoesOnOverAStepOfAnotherNodesRampThatLost) {
  Ramps ramps{{kB1, {20, 40, 20, 1000 * kS, 1010 * kS}}};
  SetWeights weights{{kB1, 7}};

  const RampsMoved moved = move_ramps(ramps, weights, 1005 * kS);

  EXPECT_EQ(weights[kB1], 30U);
  EXPECT_TRUE(moved.given_up.empty());
  EXPECT_EQ(ramps.size(), 1U);
}

TEST(Ramp, ANewConfigurationThatForgetsWeightsEndsIt) {
  Ramps ramps{{kB1, {20, 40, 20, 1000 * kS, 1010 * kS}}};
  SetWeights weights;

  EXPECT_EQ(move_ramps(ramps, weights, 1005 * kS).given_up.size(), 1U);
  EXPECT_TRUE(weights.empty());
}

}  // namespace
}  // namespace fairlead::control
