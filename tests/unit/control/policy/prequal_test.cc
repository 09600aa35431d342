// SPDX-License-Identifier: BSD-3-Clause
// Hot-cold rule on probes that age and wear out.
#include <gtest/gtest.h>

#include "control/policy/picker.hh"
#include "tests/unit/control/policy/picker_world.hh"

namespace fairlead::policy {
namespace {

TEST(Prequal, ChoosesTheFasterOfTheCold) {
  World w(std::vector<double>(20, 1));
  const auto picker = make_prequal();
  for (std::uint32_t b = 0; b < 8; ++b)
    picker->probed(b, b < 6 ? 1 : 30, b == 3 ? 5000 : 20000, w.now);
  EXPECT_EQ(picker->pick(w.node(), w.random), 3U);
}

TEST(Prequal, TakesTheLeastOccupiedWhenAllAreHot) {
  World w(std::vector<double>(20, 1));
  const auto picker = make_prequal();
  for (int i = 0; i < 128; ++i) picker->probed(19, 1, 20000, w.now);
  w.now += 2 * base::kSecond;  // those are forgotten, the quantile they made is not
  for (std::uint32_t b = 0; b < 6; ++b) picker->probed(b, 40 - b, b == 0 ? 100 : 20000, w.now);
  EXPECT_EQ(picker->pick(w.node(), w.random), 5U);
}

TEST(Prequal, ForgetsOldAnswers) {
  World w({1, 1, 1, 1});
  const auto picker = make_prequal();
  for (std::uint32_t b = 0; b < 4; ++b) picker->probed(b, b == 2 ? 0 : 9, 20000, w.now);
  w.now += 2 * base::kSecond;
  // No answer is left: any backend, not always the one that was best.
  EXPECT_LT(w.picks(*picker, 400)[2], 200);
}

}  // namespace
}  // namespace fairlead::policy
