// SPDX-License-Identifier: BSD-3-Clause
// Who decides on a backend's health, and why: operator, outlier, flapping, quorum; slow start.
#include "control/health/judge.hh"

#include <gtest/gtest.h>

#include "control/health/outliers.hh"

namespace fairlead::health {
namespace {

constexpr base::Nanoseconds kMinute = 60 * base::kSecond;

Evidence probes(State state) {
  Evidence e;
  e.probes = state;
  return e;
}

TEST(Judge, AnOperatorGoesBeforeAllElse) {
  Judge judge(State::kUp);
  Evidence e = probes(State::kDown);
  e.outlier = true;
  e.order = true;
  EXPECT_FALSE(judge.weigh(e, {}, 1));
  EXPECT_EQ(judge.because(), Because::kOperator);

  e.order.reset();
  const auto change = judge.weigh(e, {}, 2);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->to, State::kDown);
  EXPECT_EQ(change->because, Because::kOutlier);
}

TEST(Judge, BothMeansNotWhileClientsReachIt) {
  const JudgeRules rules{model::Quorum::kBoth, 0, 0};
  Judge judge(State::kUp);
  Evidence e = probes(State::kDown);
  e.answering = true;
  EXPECT_FALSE(judge.weigh(e, rules, 1));
  EXPECT_EQ(judge.because(), Because::kTraffic);

  e.answering = false;  // nobody does any more, so the probes may be right
  const auto change = judge.weigh(e, rules, 2);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->because, Because::kProbe);
}

TEST(Judge, EitherTakesAnEjectionForAFall) {
  Evidence e = probes(State::kUp);
  e.ejected = true;
  Judge careful(State::kUp);
  EXPECT_FALSE(careful.weigh(e, {}, 1));

  Judge either(State::kUp);
  const auto change = either.weigh(e, {model::Quorum::kEither, 0, 0}, 1);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->to, State::kDown);
  EXPECT_EQ(change->because, Because::kTraffic);
}

TEST(Judge, WhatFallsTooOftenStaysDownUntilItsFallsFade) {
  const JudgeRules rules{model::Quorum::kProbe, 3, kMinute};
  Judge judge(State::kUp);
  base::Nanoseconds now = 0;
  for (int fall = 0; fall < 4; ++fall) {
    judge.weigh(probes(State::kDown), rules, now += base::kSecond);
    judge.weigh(probes(State::kUp), rules, now += base::kSecond);
  }
  EXPECT_EQ(judge.state(), State::kDown);
  EXPECT_EQ(judge.because(), Because::kFlapping);

  EXPECT_FALSE(judge.weigh(probes(State::kUp), rules, now + kMinute));  // just under 2 of 4 left
  const auto change = judge.weigh(probes(State::kUp), rules, now + 2 * kMinute);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->to, State::kUp);
}

TEST(Judge, FallsFarApartAreNoFlapping) {
  const JudgeRules rules{model::Quorum::kProbe, 3, kMinute};
  Judge judge(State::kUp);
  for (base::Nanoseconds now = 0; now < 1000 * kMinute; now += kMinute) {
    judge.weigh(probes(State::kDown), rules, now);
    judge.weigh(probes(State::kUp), rules, now + 1);
    ASSERT_EQ(judge.state(), State::kUp);
  }
}

TEST(Judge, SwitchedOffFlapDampingHoldsNobody) {
  const JudgeRules rules{model::Quorum::kProbe, 1, kMinute};
  const JudgeRules off{model::Quorum::kProbe, 0, kMinute};
  Judge judge(State::kUp);
  for (base::Nanoseconds now = 1; now < 10; now += 2) {
    judge.weigh(probes(State::kDown), rules, now);
    judge.weigh(probes(State::kUp), rules, now + 1);
  }
  ASSERT_EQ(judge.because(), Because::kFlapping);

  judge.weigh(probes(State::kUp), off, 20);

  EXPECT_EQ(judge.state(), State::kUp);
  EXPECT_EQ(judge.because(), Because::kProbe);
  judge.weigh(probes(State::kUp), rules, 21);
  EXPECT_EQ(judge.state(), State::kUp) << "on again: only a further fall counts";
}

TEST(Judge, WhomNobodyProbesIsUpBecauseOfNothing) {
  Judge judge(State::kUnknown);
  Evidence e = probes(State::kUp);
  e.probed = false;
  const auto change = judge.weigh(e, {}, 1);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->because, Because::kNothing);
}

TEST(SlowStart, GrowsByTenths) {
  EXPECT_EQ(slow_start_pct(0, kMinute), 10U);
  EXPECT_EQ(slow_start_pct(6 * base::kSecond, kMinute), 20U);
  EXPECT_EQ(slow_start_pct(kMinute - 1, kMinute), 100U);
  EXPECT_EQ(slow_start_pct(kMinute, kMinute), 100U);
  EXPECT_EQ(slow_start_pct(0, 0), 100U);
}

std::vector<OutlierSample> pool_of(std::initializer_list<double> failures_of_100) {
  std::vector<OutlierSample> out;
  for (const double failures : failures_of_100)
    out.push_back({"b" + std::to_string(out.size()), 100, failures});
  return out;
}

TEST(Outliers, TheWorstFirstAndNotMoreThanTheCap) {
  Outliers outliers;
  const OutlierRules rules{0.3, 20, 30 * base::kSecond};
  outliers.weigh(pool_of({1, 60, 1, 90, 70, 1, 1, 1, 1, 1}), rules, 1);
  EXPECT_EQ(outliers.out(2), (std::vector<std::string>{"b3", "b4"}));
}

TEST(Outliers, NobodyWhereAllFail) {
  Outliers outliers;
  outliers.weigh(pool_of({90, 90, 95, 99, 90}), {0.3, 50, 30 * base::kSecond}, 1);
  EXPECT_TRUE(outliers.out(2).empty());
}

TEST(Outliers, APoolOfTwoCanHaveOne) {
  const OutlierRules rules{0.3, 50, 30 * base::kSecond};
  Outliers outliers;
  outliers.weigh(pool_of({1, 90}), rules, 1);
  EXPECT_EQ(outliers.out(2), (std::vector<std::string>{"b1"}));

  Outliers both;
  both.weigh(pool_of({80, 90}), rules, 1);
  EXPECT_TRUE(both.out(2).empty()) << "a database behind both is down";
}

TEST(Outliers, EachTimeLonger) {
  const OutlierRules rules{0.3, 50, 10 * base::kSecond};
  Outliers outliers;
  const auto bad = pool_of({90, 1, 1, 1});
  outliers.weigh(bad, rules, 0);
  EXPECT_FALSE(outliers.out(10 * base::kSecond - 1).empty());
  EXPECT_TRUE(outliers.out(10 * base::kSecond).empty());
  outliers.weigh(bad, rules, 10 * base::kSecond);
  EXPECT_FALSE(outliers.out(30 * base::kSecond - 1).empty());
  EXPECT_TRUE(outliers.out(30 * base::kSecond).empty());
}

TEST(Outliers, FewAttemptsSayNothing) {
  Outliers outliers;
  auto pool = pool_of({1, 1, 1, 1});
  pool[0] = {"b0", 19, 19};
  outliers.weigh(pool, {0.3, 50, 10 * base::kSecond}, 0);
  EXPECT_TRUE(outliers.out(1).empty());
}

}  // namespace
}  // namespace fairlead::health
