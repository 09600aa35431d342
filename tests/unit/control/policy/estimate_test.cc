// SPDX-License-Identifier: BSD-3-Clause
// Windows and the capacity estimate: averages noise, jumps when certain, distrusts the absurd.
#include "control/policy/estimate.hh"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace fairlead::policy {
namespace {

using base::kSecond;

/// One window of a second: `rate` completions at `utilization`.
void window(BackendState& s, double rate, double utilization, std::uint64_t sequence) {
  Report r;
  r.received_ns = sequence * kSecond;
  r.sequence = sequence;
  r.cpu = utilization;
  r.requests_per_second = rate;
  r.active = 4 * utilization;
  r.period = kSecond;
  absorb(r, {}, s);
  close_window({}, s);
}

TEST(Estimate, AveragesNoiseByCompletions) {
  BackendState s;
  for (std::uint64_t i = 1; i <= 60; ++i) window(s, i % 2 == 0 ? 105 : 95, 0.5, i);
  EXPECT_NEAR(s.capacity, 200, 3);
}

TEST(Estimate, JumpsWhenTheChangeIsCertain) {
  BackendState s;
  for (std::uint64_t i = 1; i <= 60; ++i) window(s, 150, 0.75, i);
  window(s, 100, 1.0, 61);
  EXPECT_NEAR(s.capacity, 200 + 0.8 * (100 - 200), 1);
}

/// Slow for a while, then without requests: what is known of it.
BackendState forgotten(double rate_when_slow, int idle_seconds) {
  BackendState s;
  std::uint64_t second = 0;
  while (second < 60) window(s, 150, 0.75, ++second);
  while (second < 90) window(s, rate_when_slow, 1, ++second);
  for (int i = 0; i < idle_seconds; ++i) window(s, 0, 0, ++second);
  return s;
}

TEST(Estimate, OfABackendThatGetsNothingRisesToWhatItOnceWas) {
  const double slow = forgotten(60, 0).capacity;
  EXPECT_NEAR(slow, 60, 5);
  EXPECT_NEAR(forgotten(60, 6).capacity, slow * std::pow(1.07, 6), 1);
  EXPECT_NEAR(forgotten(60, 30).capacity, 200, 10);
  EXPECT_LE(forgotten(60, 300).capacity, 200);
}

TEST(Estimate, OfASlowBackendThatGetsNothingStaysWhereItAlwaysWas) {
  BackendState s;
  for (std::uint64_t i = 1; i <= 60; ++i) window(s, 45, 0.75, i);
  for (std::uint64_t i = 61; i <= 200; ++i) window(s, 0, 0, i);
  EXPECT_NEAR(s.capacity, 60, 1);
}

TEST(Estimate, AFewRequestsTellAnEstimateThatRoseWhatIsTrue) {
  for (const double truth : {60.0, 200.0}) {
    BackendState s = forgotten(60, 30);
    for (const std::uint64_t second : {1000U, 1001U, 1002U, 1003U})
      window(s, 45, 45 / truth, second);
    EXPECT_NEAR(s.capacity, truth, 0.35 * truth);
  }
}

TEST(Estimate, BelievesATenfoldChangeOnlyTheSecondTime) {
  BackendState s;
  for (std::uint64_t i = 1; i <= 10; ++i) window(s, 150, 0.75, i);
  window(s, 150, 0.05, 11);
  EXPECT_NEAR(s.capacity, 200, 1);
  window(s, 150, 0.05, 12);
  EXPECT_GT(s.capacity, 2000);
}

TEST(Estimate, CountsAReportOnce) {
  BackendState s;
  Report r;
  r.received_ns = kSecond;
  r.sequence = 5;
  r.requests_per_second = 50;
  r.period = kSecond;
  absorb(r, {}, s);
  absorb(r, {}, s);
  EXPECT_DOUBLE_EQ(s.window_done, 50);
}

TEST(Estimate, ParallelismIsBoundedAndUnknownAtFirst) {
  BackendState s;
  EXPECT_EQ(parallel_of(s), 0U);
  s.parallel = 4.4;
  EXPECT_EQ(parallel_of(s), 4U);
  s.parallel = 1e9;
  EXPECT_EQ(parallel_of(s), kMostParallel);
  s.parallel = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(parallel_of(s), 0U);
}

TEST(Estimate, ParallelismIsWhatIsLeftWithoutQueues) {
  BackendState s;
  for (std::uint64_t i = 1; i <= 300; ++i) {
    Report r;
    r.received_ns = i * kSecond;
    r.sequence = i;
    r.cpu = i % 50 < 40 ? 0.8 : 1.0;  // ten seconds of every fifty it queues
    r.requests_per_second = 100;
    r.active = i % 50 < 40 ? 4 * r.cpu : 60;
    r.period = kSecond;
    absorb(r, {}, s);
    close_window({}, s);
  }
  EXPECT_EQ(parallel_of(s), 4U);
}

TEST(Estimate, MedianLooksAtPositiveValuesOnly) {
  EXPECT_EQ(median_positive({0, 3, 1, 2, 0, -5}), 2);
  EXPECT_EQ(median_positive({0, 0}), 0);
}

}  // namespace
}  // namespace fairlead::policy
