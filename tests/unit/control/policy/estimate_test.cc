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
