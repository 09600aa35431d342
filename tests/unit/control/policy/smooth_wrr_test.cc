// SPDX-License-Identifier: BSD-3-Clause
// Turns follow weights exactly, and changes of weight.
#include <gtest/gtest.h>

#include "control/policy/picker.hh"
#include "tests/unit/control/policy/picker_world.hh"

namespace fairlead::policy {
namespace {

TEST(SmoothWrr, FollowsWeightsExactly) {
  const std::vector<double> weight = {1, 2, 5};
  const std::vector<std::uint32_t> open(3);
  const std::vector<std::uint8_t> usable(3, 1);
  Random random(1);
  const auto picker = make_smooth_wrr();
  std::vector<int> count(3);
  for (int i = 0; i < 800; ++i) ++count[picker->pick({weight, open, usable, 1, 0}, random)];
  EXPECT_NEAR(count[0], 100, 1);
  EXPECT_NEAR(count[2], 500, 1);
}

TEST(SmoothWrr, TakesNewWeightsUp) {
  World w({1, 1});
  const auto picker = make_smooth_wrr();
  w.picks(*picker, 100);
  w.weight = {1, 3};
  ++w.version;
  EXPECT_NEAR(w.picks(*picker, 400)[1], 300, 2);
}

}  // namespace
}  // namespace fairlead::policy
