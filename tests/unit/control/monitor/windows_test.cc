// SPDX-License-Identifier: BSD-3-Clause
// Several reports as one.
#include "control/monitor/windows.hh"

#include <gtest/gtest.h>

namespace fairlead::monitor {
namespace {

constexpr std::uint64_t kWall = 1'700'000'000'000'000;
constexpr base::Nanoseconds kNow = 1000 * base::kSecond;

LoadReport report(std::uint64_t sequence, double cpu, double rate, double latency) {
  LoadReport r;
  r.backend_id = "b1";
  r.sequence = sequence;
  r.timestamp_us = kWall + sequence;
  r.cpu = cpu;
  r.requests_per_second = rate;
  r.latency_us = latency;
  r.completed = 10 * sequence;
  r.active = cpu * 10;
  r.period_us = 100'000;
  return r;
}

std::vector<Received> received(std::initializer_list<LoadReport> reports) {
  std::vector<Received> out;
  for (const LoadReport& r : reports) out.push_back({r, kNow});
  return out;
}

TEST(Windows, AreMeansOverTimeAndLatencyIsTheMeanOverRequests) {
  auto reports = received({report(5, 0.2, 100, 1000), report(6, 0.8, 300, 2000)});
  reports[1].report.period_us = 300'000;

  const LoadReport w = merged(reports, 4);

  EXPECT_NEAR(w.cpu, 0.65, 1e-9);
  EXPECT_NEAR(w.active, 6.5, 1e-9);
  EXPECT_NEAR(w.requests_per_second, 250, 1e-9);
  EXPECT_NEAR(w.latency_us, (10 * 1000.0 + 90 * 2000.0) / 100, 1e-9);
  EXPECT_EQ(w.period_us, 400'000U);
  EXPECT_EQ(w.sequence, 6U);
  EXPECT_EQ(w.completed, 60U);
  EXPECT_EQ(w.timestamp_us, kWall + 6);
}

TEST(Windows, PeriodsWithoutRequestsSayNothingAboutLatency) {
  const LoadReport w = merged(received({report(1, 0, 100, 1000), report(2, 0, 0, 0)}), 0);
  EXPECT_NEAR(w.latency_us, 1000, 1e-9);
  EXPECT_EQ(merged(received({report(2, 0, 0, 0)}), 1).latency_us, 0);
}

TEST(Windows, WhatASourceDoesNotMeasureIsNoZeroInTheMean) {
  LoadReport share = report(2, 0, 0, 0);  // an agent-check beside the agent
  share.untold = kCpuUntold | kMemoryUntold | kActiveUntold;

  const LoadReport both = merged(received({report(1, 0.5, 0, 0), share}), 0);
  const LoadReport alone = merged(received({share}), 1);

  EXPECT_EQ(both.untold, 0U);
  EXPECT_NEAR(both.cpu, 0.5, 1e-9);
  EXPECT_NEAR(both.active, 5, 1e-9);
  EXPECT_EQ(alone.untold, share.untold);
}

TEST(Windows, ARestartOfTheAgentShowsAsSequenceOne) {
  EXPECT_EQ(
      merged(received({report(90, 0, 0, 0), report(1, 0, 0, 0), report(2, 0, 0, 0)}), 89).sequence,
      1U
  );
  EXPECT_EQ(merged(received({report(7, 0, 0, 0)}), 89).sequence, 1U)
      << "its first reports were lost";
  EXPECT_EQ(merged(received({report(90, 0, 0, 0)}), 89).sequence, 90U);
}

TEST(Windows, TakenOnesBelieveWhateverTheIntakeOfANodeMayHaveMissed) {
  Intake monitor;
  Intake node;
  monitor.set_backends({"b1"});
  node.set_backends({"b1"});
  Windows windows;
  const auto interval = [&](std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t s = first; s <= last; ++s)
      EXPECT_EQ(monitor.accept(report(s, 0.5, 100, 1000), kNow, kWall), Refusal::kNone);
    return windows.take(monitor, {"b1"});
  };
  const auto gives = [&](const std::vector<LoadReport>& taken) {
    EXPECT_EQ(taken.size(), 1U);
    return node.accept(taken.front(), kNow, kWall);
  };
  EXPECT_EQ(gives(interval(1, 10)), Refusal::kNone);
  EXPECT_EQ(gives(interval(11, 20)), Refusal::kNone);
  EXPECT_EQ(gives(interval(1, 10)), Refusal::kNone) << "the agent was started again";
  EXPECT_EQ(gives(interval(11, 20)), Refusal::kNone);
  EXPECT_TRUE(windows.take(monitor, {"b1"}).empty());
}

TEST(Windows, SayWhatTheAgentSaidLastOfItsTunnels) {
  Intake intake;
  intake.set_backends({"b1"});
  LoadReport first = report(1, 0.5, 100, 1000);
  first.tunnel = {{"gue", 7}};
  ASSERT_EQ(intake.accept(first, kNow, kWall), Refusal::kNone);
  ASSERT_EQ(intake.accept(report(2, 0.5, 100, 1000), kNow, kWall), Refusal::kNone);

  Windows windows;
  const auto taken = windows.take(intake, {"b1"}, nullptr);

  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].tunnel, first.tunnel);
}

}  // namespace
}  // namespace fairlead::monitor
