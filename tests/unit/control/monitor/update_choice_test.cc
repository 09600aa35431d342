// SPDX-License-Identifier: BSD-3-Clause
// Whose updates count.
#include "control/monitor/update_choice.hh"

#include <gtest/gtest.h>

namespace fairlead::monitor {
namespace {

using Verdict = UpdateChoice::Verdict;
constexpr base::Nanoseconds kNow = 1000 * base::kSecond;
constexpr base::Nanoseconds kSilent = 3 * base::kSecond;

TEST(UpdateChoice, WithoutElectionANodeStaysWithAMonitorUntilThatIsSilent) {
  UpdateChoice c(kSilent);
  EXPECT_TRUE(c.silent(kNow));
  EXPECT_EQ(c.judge(1, 0, 10, kNow), Verdict::kTaken);
  EXPECT_EQ(c.judge(0, 0, 99, kNow + 1), Verdict::kOtherMonitor);
  EXPECT_EQ(c.judge(1, 0, 11, kNow + base::kSecond), Verdict::kTaken);
  EXPECT_EQ(c.judge(0, 0, 100, kNow + base::kSecond + kSilent - 1), Verdict::kOtherMonitor);
  EXPECT_EQ(c.judge(0, 0, 101, kNow + base::kSecond + kSilent), Verdict::kTaken);
  EXPECT_EQ(c.monitor(), 0U);
}

TEST(UpdateChoice, ANewLeaderIsTakenAtOnceAndTheOldOneNeverAgain) {
  UpdateChoice c(kSilent);
  EXPECT_EQ(c.judge(0, 7, 10, kNow), Verdict::kTaken);
  EXPECT_EQ(c.judge(1, 9, 1, kNow + 1), Verdict::kTaken);
  EXPECT_EQ(c.judge(0, 7, 11, kNow + 2), Verdict::kOldTerm);
  EXPECT_EQ(c.judge(0, 7, 12, kNow + 100 * kSilent), Verdict::kOldTerm) << "however silent";
  EXPECT_EQ(c.judge(2, 0, 1, kNow + 100 * kSilent), Verdict::kOldTerm) << "one without election";
  EXPECT_EQ(c.term(), 9U);
}

TEST(UpdateChoice, UpdatesThatWereOvertakenAreNotTaken) {
  UpdateChoice c(kSilent);
  EXPECT_EQ(c.judge(0, 7, 10, kNow), Verdict::kTaken);
  EXPECT_EQ(c.judge(0, 7, 10, kNow + 1), Verdict::kOldSequence);
  EXPECT_EQ(c.judge(0, 7, 9, kNow + 1), Verdict::kOldSequence);
  EXPECT_EQ(c.judge(0, 7, 9, kNow + kSilent), Verdict::kTaken) << "its clock was set back";
}

}  // namespace
}  // namespace fairlead::monitor
