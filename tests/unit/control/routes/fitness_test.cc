// SPDX-License-Identifier: BSD-3-Clause
// When a node comes, goes and comes back.
#include "control/routes/fitness.hh"

#include <gtest/gtest.h>

namespace fairlead::routes {
namespace {

constexpr base::Nanoseconds kMs = base::kMillisecond;

class FitnessTest : public testing::Test {
 protected:
  FitnessTest() { signs.has_state = signs.has_tables = signs.forwards = true; }
  static Fitness::Limits limits() {
    Fitness::Limits out;
    out.p99 = 5 * kMs;
    return out;
  }
  std::string after(base::Nanoseconds time) {
    now += time;
    return fitness.judge(signs, now);
  }
  /// Looks every 100 ms; the verdict at the end.
  std::string during(base::Nanoseconds time) {
    std::string out;
    for (const auto end = now + time; now < end;) out = after(100 * kMs);
    return out;
  }

  Signs signs;
  base::Nanoseconds now = 1000 * kMs;
  Fitness fitness{limits()};
};

TEST_F(FitnessTest, ANodeIsAnnouncedOnceItHasAllThatItNeeds) {
  signs = {};
  EXPECT_EQ(after(1), "joining: waits for the fleet's state");
  signs.has_state = true;
  EXPECT_EQ(after(1), "joining: no tables yet");
  signs.has_tables = true;
  EXPECT_EQ(after(1), "joining: nothing forwards, start fairlead-dataplane");
  signs.forwards = true;
  signs.agrees = false;
  EXPECT_EQ(during(60'000 * kMs), "joining: tables differ from the fleet's");
  signs.agrees = true;
  EXPECT_EQ(after(1), "");
}

TEST_F(FitnessTest, ANodeThatReachesNoBackendGoesWhileOthersDo) {
  ASSERT_EQ(after(1), "");
  signs.reaches = false;
  EXPECT_EQ(after(1), "unfit: reaches no backend");
  signs.reaches = true;
  EXPECT_NE(during(4'000 * kMs), "") << "not at once: it would flap";
  EXPECT_EQ(during(1'500 * kMs), "");
  signs.reaches = signs.may_go = false;
  EXPECT_EQ(after(1), "") << "all backends are down for everybody";
}

TEST_F(FitnessTest, ANodeThatTookTrafficGoesOnWhenControlIsStartedAnew) {
  fitness.go_on();
  signs.has_state = signs.agrees = false;
  EXPECT_EQ(during(9'000 * kMs), "") << "not even a moment without";
  EXPECT_EQ(during(1'500 * kMs), "unfit: tables differ from the fleet's");
}

TEST_F(FitnessTest, ARestartOfTheDataPlaneIsNoReasonToGoAndItsDeathIs) {
  ASSERT_EQ(after(1), "");
  signs.forwards = false;
  EXPECT_EQ(during(400 * kMs), "");
  signs.forwards = true;
  EXPECT_EQ(during(1000 * kMs), "");
  signs.forwards = false;
  EXPECT_EQ(during(600 * kMs).rfind("unfit: nothing forwards", 0), 0U);
  signs.forwards = true;
  EXPECT_NE(during(4000 * kMs), "") << "not at once: it would flap";
  EXPECT_EQ(during(1500 * kMs), "");
}

TEST_F(FitnessTest, ASlowNodeGoesOnlyWhileOthersStayAndTheyAreNotSlower) {
  ASSERT_EQ(after(1), "");
  signs.p99_us = 6000;
  signs.may_go = false;
  EXPECT_EQ(during(10'000 * kMs), "") << "the fleet is slow";
  signs.may_go = true;
  signs.slowest = false;
  EXPECT_EQ(during(10'000 * kMs), "") << "another one goes first";
  signs.slowest = true;
  EXPECT_EQ(after(1), "unfit: p99 6.000 ms is above 5.000 ms");
  signs.may_go = false;
  EXPECT_NE(during(1000 * kMs), "") << "it stays out, whoever else goes";
  signs.p99_us = 0;
  EXPECT_EQ(during(5100 * kMs), "");
  signs.p99_us = 6000;
  signs.may_go = true;
  EXPECT_EQ(during(2900 * kMs), "") << "a short peak is none";
}

TEST_F(FitnessTest, OtherTablesThanMostAreAReasonAfterAWhile) {
  ASSERT_EQ(after(1), "");
  signs.agrees = false;
  EXPECT_EQ(during(9000 * kMs), "");
  EXPECT_EQ(during(2000 * kMs), "unfit: tables differ from the fleet's");
}

TEST_F(FitnessTest, AnOperatorsWillGoesBeforeEverythingElse) {
  ASSERT_EQ(after(1), "");
  signs.withdrawn = true;
  EXPECT_EQ(after(1), "withdrawn by operator");
  signs.leaving = true;
  EXPECT_EQ(after(1), "leaving");
  signs.leaving = signs.withdrawn = false;
  EXPECT_EQ(after(1), "") << "at once, nothing was bad";
}

}  // namespace
}  // namespace fairlead::routes
