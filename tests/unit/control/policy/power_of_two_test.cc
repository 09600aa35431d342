// SPDX-License-Identifier: BSD-3-Clause
// The less loaded of two drawn by weight.
#include <gtest/gtest.h>

#include "control/policy/picker.hh"
#include "tests/unit/control/policy/picker_world.hh"

namespace fairlead::policy {
namespace {

TEST(PowerOfTwo, TakesTheLessLoadedOfTheDrawn) {
  World w({1, 1});
  w.open = {5, 0};
  // Only when both draws are the first one: 1 in 4.
  EXPECT_NEAR(w.picks(*make_power_of_two(2), 10000)[0], 2500, 180);
  EXPECT_NEAR(w.picks(*make_power_of_two(3), 10000)[0], 1250, 140);
}

TEST(PowerOfTwo, ComparesLoadByWeight) {
  World w({1, 4});
  w.open = {1, 3};  // 2 / 1 against 4 / 4
  EXPECT_NEAR(w.picks(*make_power_of_two(2), 10000)[1], 9600, 80);
}

}  // namespace
}  // namespace fairlead::policy
