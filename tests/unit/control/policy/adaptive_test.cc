// SPDX-License-Identifier: BSD-3-Clause
// The utilisation law, its guard against gray backends, and who joins.
#include <cmath>

#include <gtest/gtest.h>

#include "control/policy/estimate.hh"
#include "control/policy/random.hh"
#include "tests/unit/control/policy/reporting_pool.hh"

namespace fairlead::policy {
namespace {

/// Of score weights, which follow at once.
double score_ratio(const Weights& w, std::size_t x, std::size_t y) {
  return static_cast<double>(w.backends[y].inverse_weight) / w.backends[x].inverse_weight;
}

TEST(Adaptive, AGrayBackendWithIdleCpuLosesWeight) {
  for (const std::uint32_t choices : {1U, 2U, 3U}) {
    Pool pool(PolicyName::kAdaptive, {200, 200, 200, 200});
    pool.snapshot_.parameters.choices = choices;
    pool.seconds(30, 120);
    pool.spoil_ = [](std::size_t i, Report& r) {
      if (i != 0) return;
      r.requests_per_second *= 0.3;  // ten times the latency, CPU at rest, slots occupied
      r.cpu *= 0.1;
      r.active *= 3;
    };
    EXPECT_LT(score_ratio(pool.seconds(3, 120), 0, 1), 0.6);
    const double slots = ratio(pool.seconds(2, 120), 0, 1);
    // With one candidate nothing else keeps flows away; else the table waits whether it passes.
    EXPECT_EQ(slots < 0.6, choices == 1) << slots;
    EXPECT_EQ(slots > 0.7, choices > 1) << slots;
    EXPECT_LT(ratio(pool.seconds(60, 120), 0, 1), 0.6) << choices;
  }
}

/// What is left of it is still load: who got nothing would show nothing when its fault is over.
TEST(Adaptive, ABackendOnProbationKeepsWhatItCompletedWhenItWasFound) {
  Pool pool(PolicyName::kAdaptive, std::vector<double>(10, 200));
  pool.seconds(30, 120);
  pool.spoil_ = [](std::size_t i, Report& r) {
    if (i != 0) return;
    r.requests_per_second = 20;
    r.cpu = 0.1;
    r.active = 8;
  };
  pool.seconds(10, 120);
  pool.spoil_ = [](std::size_t i, Report& r) {
    if (i != 0) return;
    r.requests_per_second = 4;  // a request at a time, and each takes ten times what it took
    r.cpu = 0.02;
    r.active = 1;
  };
  EXPECT_GT(score_ratio(pool.seconds(20, 120), 0, 1), 0.08);
}

TEST(Adaptive, ABackendThatWasFoundOutIsBelievedAgainStepByStep) {
  Pool pool(PolicyName::kAdaptive, {200, 200, 200, 200});
  pool.seconds(30, 120);
  pool.spoil_ = [](std::size_t i, Report& r) {
    if (i != 0) return;
    r.requests_per_second *= 0.3;
    r.cpu *= 0.1;
    r.active *= 3;
  };
  EXPECT_NE(
      pool.seconds(15, 120).backends[0].why.find("are believed (on probation"), std::string::npos
  );
  pool.spoil_ = nullptr;
  EXPECT_LT(score_ratio(pool.seconds(1, 120), 0, 1), 0.75);  // 120 of 200, which it completes
  EXPECT_NEAR(score_ratio(pool.seconds(10, 120), 0, 1), 1, 0.15);
  EXPECT_EQ(pool.seconds(30, 120).backends[0].why.find("believed"), std::string::npos);
}

/// Counted in ten moments a second, 0.6 on the average (Poisson): many, but not surely too many.
TEST(Adaptive, CountsOfAFewActiveRequestsDeceiveNobody) {
  Pool pool(PolicyName::kAdaptive, std::vector<double>(10, 400));
  Random random(7);
  pool.spoil_ = [&](std::size_t, Report& r) {
    r.active = 0;
    for (double p = random.uniform(); p > std::exp(-0.6); p *= random.uniform()) ++r.active;
  };
  double least = 1;
  for (int second = 0; second < 600; ++second) {
    const Weights w = pool.second(60);
    for (std::size_t i = 1; i < 10; ++i) least = std::min(least, score_ratio(w, i, 0));
  }
  EXPECT_GT(least, 0.9);
}

/// A backend that reports a tenth of its utilisation and is loaded as its weight has it: first all
/// are half full, then they queue. `believed` is a share of the truth.
/// 1.5 active where 0.8 would be twice the usual: by chance if ten moments a second were counted,
/// surely not if each of ten reports is the mean of ten.
TEST(Adaptive, AMeanOfManyCountsIsBelievedSoonerThanOneCount) {
  const auto ratio_after_6_s = [](double samples) {
    Pool pool(PolicyName::kAdaptive, std::vector<double>(10, 400));
    pool.seconds(5, 40);
    pool.spoil_ = [samples](std::size_t i, Report& r) {
      r.active_samples = samples;
      if (i == 0) r.active = 1.5;
    };
    return score_ratio(pool.seconds(6, 40), 0, 1);
  };
  EXPECT_LT(ratio_after_6_s(10), 0.5);
  EXPECT_GT(ratio_after_6_s(1), 0.9);
}

TEST(Adaptive, ALieThatStaysIsNeverBelievedAgain) {
  Pool pool(PolicyName::kAdaptive, {200, 200, 200, 200});
  double believed = 1;
  double load = 0.5;
  pool.spoil_ = [&](std::size_t i, Report& r) {
    const double share = load * (i == 0 ? believed : 1);
    r.active = 4 * share;
    r.requests_per_second = 200 * std::min(1.0, share);
    r.cpu = r.requests_per_second / 200 * (i == 0 ? 0.1 : 1);
  };
  double most = 0;
  for (int second = 0; second < 120; ++second) {
    load = second < 10 ? 0.5 : 1.3;
    believed = score_ratio(pool.second(200), 0, 1);
    if (second > 20) most = std::max(most, believed);
  }
  EXPECT_LT(most, 1.35);
  EXPECT_GT(believed, 0.75);
}

TEST(Adaptive, ServingWithoutCompletingLooksFull) {
  Pool pool(PolicyName::kAdaptive, {200, 200, 200});
  pool.seconds(20, 120);
  pool.spoil_ = [](std::size_t i, Report& r) {
    if (i != 0) return;
    r.requests_per_second = 0;
    r.active = 50;
  };
  const Weights w = pool.seconds(10, 120);
  EXPECT_GT(w.backends[0].inverse_weight, 10 * w.backends[1].inverse_weight);
}

TEST(Adaptive, AJoiningBackendStartsAtThePoolsUsualWeight) {
  Pool pool(PolicyName::kAdaptive, {200, 200, 200});
  pool.seconds(20, 120);
  pool.snapshot_.backends.push_back({"b3", 100, 0, true});
  pool.capacities_.push_back(50);
  const Weights joined = pool.second(40);
  EXPECT_NEAR(ratio(joined, 3, 0), 1, 0.1);
  EXPECT_NEAR(ratio(pool.seconds(40, 40), 3, 0), 0.25, 0.1);
}

}  // namespace
}  // namespace fairlead::policy
