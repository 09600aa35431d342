// SPDX-License-Identifier: BSD-3-Clause
// Tokens first, each once; without them by weight.
#include <gtest/gtest.h>

#include "control/policy/picker.hh"
#include "tests/unit/control/policy/picker_world.hh"

namespace fairlead::policy {
namespace {

TEST(JoinIdleQueue, SpendsEachTokenOnce) {
  World w({1, 1000, 1000});
  const auto picker = make_jiq();
  picker->token(0);
  EXPECT_TRUE(picker->wants_tokens());
  EXPECT_EQ(picker->pick(w.node(), w.random), 0U);
  EXPECT_LT(w.picks(*picker, 1000)[0], 10);
}

TEST(JoinIdleQueue, PassesTokensOfTheUnusableOver) {
  World w({1, 1});
  const auto picker = make_jiq();
  w.usable[0] = 0;
  for (int i = 0; i < 5; ++i) picker->token(0);
  EXPECT_EQ(picker->pick(w.node(), w.random), 1U);
}

}  // namespace
}  // namespace fairlead::policy
