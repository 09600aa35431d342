// SPDX-License-Identifier: BSD-3-Clause
// Each rule minimises its score; idle backends share by weight.
#include <gtest/gtest.h>

#include "control/policy/picker.hh"
#include "tests/unit/control/policy/picker_world.hh"

namespace fairlead::policy {
namespace {

TEST(Least, EachRuleMinimisesItsScore) {
  const std::vector<double> weight = {1, 4};
  const std::vector<std::uint32_t> open = {1, 3};
  const std::vector<std::uint8_t> usable(2, 1);
  Random random(1);
  const NodeView node{weight, open, usable, 1, 0};
  EXPECT_EQ(make_least(LeastRule::kConnections)->pick(node, random), 0U);
  EXPECT_EQ(make_least(LeastRule::kWeighted)->pick(node, random), 1U);
  EXPECT_EQ(make_least(LeastRule::kExpectedDelay)->pick(node, random), 1U);
}

TEST(Least, IdleBackendsShareByWeight) {
  World w({1, 3});
  EXPECT_NEAR(w.picks(*make_least(LeastRule::kWeighted), 400)[1], 300, 4);
}

}  // namespace
}  // namespace fairlead::policy
