// SPDX-License-Identifier: BSD-3-Clause
// The conservative test trips on a worse learner, not on noise, and its penalty doubles.
#include "control/policy/guard.hh"

#include <vector>

#include <gtest/gtest.h>

#include "control/policy/random.hh"

namespace fairlead::policy {
namespace {

TEST(Guard, SwitchesALearnerOffThatIsWorse) {
  Guard guard;
  for (int second = 0; second < 60 && !guard.blocked(); ++second)
    guard.observe(1, guard.learner_runs() ? 30000 : 20000);
  EXPECT_TRUE(guard.blocked());
  EXPECT_FALSE(guard.learner_runs());
  for (int second = 0; second < 61; ++second) guard.observe(1, 20000);
  EXPECT_FALSE(guard.blocked());
}

TEST(Guard, KeepsALearnerThatIsAsGood) {
  Guard guard;
  Random random(1);
  for (int second = 0; second < 3600; ++second)
    guard.observe(1, 20000 * (0.9 + 0.2 * random.uniform()));
  EXPECT_EQ(guard.trips(), 0U);
}

TEST(Guard, BlocksTwiceAsLongEachTime) {
  Guard guard;
  std::vector<int> blocked;
  bool was = false;
  for (int second = 0; second < 600; ++second) {
    guard.observe(1, guard.learner_runs() ? 30000 : 20000);
    if (guard.blocked() && !was) blocked.push_back(0);
    if (guard.blocked()) ++blocked.back();
    was = guard.blocked();
  }
  ASSERT_GE(blocked.size(), 3U);
  EXPECT_EQ(blocked[0], 60);
  EXPECT_EQ(blocked[1], 120);
}

TEST(Guard, LeavesOneWindowOfFourToTheBaseline) {
  Guard guard;
  int learner = 0;
  for (int second = 0; second < 400; ++second) {
    learner += guard.learner_runs() ? 1 : 0;
    guard.observe(1, 20000);
  }
  EXPECT_EQ(learner, 300);
}

}  // namespace
}  // namespace fairlead::policy
