// SPDX-License-Identifier: BSD-3-Clause
// Drawing alike and by weight; no picker chooses what cannot be used.
#include <gtest/gtest.h>

#include "control/policy/picker.hh"
#include "tests/unit/control/policy/picker_world.hh"

namespace fairlead::policy {
namespace {

TEST(Pickers, NeverChooseTheUnusable) {
  const std::vector<double> weight = {1, 4, 2};
  const std::vector<std::uint32_t> open(3);
  const std::vector<std::uint8_t> usable = {0, 1, 0};
  const std::vector<std::uint8_t> none(3);
  for (int kind = 0; kind < 7; ++kind) {
    std::unique_ptr<Picker> pickers[] = {
        make_random_picker(),
        make_smooth_wrr(),
        make_least(LeastRule::kWeighted),
        make_power_of_two(2),
        make_peak_ewma(),
        make_prequal(),
        make_jiq()};
    Random random(2);
    pickers[kind]->token(0);
    for (int i = 0; i < 20; ++i)
      EXPECT_EQ(pickers[kind]->pick({weight, open, usable, 1, 0}, random), 1U) << kind;
    EXPECT_EQ(pickers[kind]->pick({weight, open, none, 2, 0}, random), kNobody) << kind;
  }
}

TEST(RandomPicker, DrawsAlike) {
  World w({1, 9});
  EXPECT_NEAR(w.picks(*make_random_picker(), 10000)[0], 5000, 200);
}

TEST(WeightedDraw, DrawsByWeightAndAlikeWhereNobodyHasOne) {
  World w({1, 4});
  WeightedDraw draw;
  int second = 0;
  for (int i = 0; i < 10000; ++i) second += draw.draw(w.node(), w.random) == 1 ? 1 : 0;
  EXPECT_NEAR(second, 8000, 160);
  w.weight = {0, 0};
  ++w.version;
  second = 0;
  for (int i = 0; i < 10000; ++i) second += draw.draw(w.node(), w.random) == 1 ? 1 : 0;
  EXPECT_NEAR(second, 5000, 200);
}

}  // namespace
}  // namespace fairlead::policy
