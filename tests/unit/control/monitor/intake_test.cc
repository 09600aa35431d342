// SPDX-License-Identifier: BSD-3-Clause
// Which reports are believed.
#include "control/monitor/intake.hh"

#include <cmath>
#include <limits>
#include <ostream>

#include <gtest/gtest.h>

namespace fairlead::monitor {
namespace {

constexpr std::uint64_t kWall = 1'700'000'000'000'000;  // us
constexpr base::Nanoseconds kNow = 1000 * base::kSecond;

LoadReport good(std::uint64_t sequence) {
  LoadReport r;
  r.backend_id = "b1";
  r.sequence = sequence;
  r.timestamp_us = kWall;
  r.cpu = 0.5;
  r.memory = 0.25;
  r.requests_per_second = 100;
  r.active = 4;
  r.capacity = 64;
  r.latency_us = 20'000;
  r.completed = 10 * sequence;
  r.period_us = 100'000;
  return r;
}

Intake heard_ten() {
  Intake intake;
  intake.set_backends({"b1"});
  for (std::uint64_t i = 1; i <= 10; ++i)
    EXPECT_EQ(intake.accept(good(i), kNow, kWall), Refusal::kNone);
  return intake;
}

struct Case {
  const char* says;
  void (*change)(LoadReport&);  // of report 11, which would be good
  Refusal refusal;
};
std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.says;
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

const Case kCases[] = {
    {"nothing wrong", [](LoadReport&) {}, Refusal::kNone},
    {"an unknown backend", [](LoadReport& r) { r.backend_id = "b9"; }, Refusal::kUnknownBackend},
    {"no backend", [](LoadReport& r) { r.backend_id = ""; }, Refusal::kUnknownBackend},
    {"cpu NaN", [](LoadReport& r) { r.cpu = kNan; }, Refusal::kNotFinite},
    {"memory NaN", [](LoadReport& r) { r.memory = kNan; }, Refusal::kNotFinite},
    {"infinite rate",
     [](LoadReport& r) { r.requests_per_second = kInfinity; },
     Refusal::kNotFinite},
    {"negative infinite latency",
     [](LoadReport& r) { r.latency_us = -kInfinity; },
     Refusal::kNotFinite},
    {"negative cpu", [](LoadReport& r) { r.cpu = -0.01; }, Refusal::kNegative},
    {"negative latency", [](LoadReport& r) { r.latency_us = -1; }, Refusal::kNegative},
    {"cpu in percent", [](LoadReport& r) { r.cpu = 85; }, Refusal::kOutOfRange},
    {"memory of three hosts", [](LoadReport& r) { r.memory = 3; }, Refusal::kOutOfRange},
    {"latency of two hours", [](LoadReport& r) { r.latency_us = 7.2e9; }, Refusal::kOutOfRange},
    {"absurd connections", [](LoadReport& r) { r.active = 4e9; }, Refusal::kOutOfRange},
    {"absurd capacity", [](LoadReport& r) { r.capacity = 4e9; }, Refusal::kOutOfRange},
    {"absurd rate", [](LoadReport& r) { r.requests_per_second = 1e12; }, Refusal::kOutOfRange},
    {"no period", [](LoadReport& r) { r.period_us = 0; }, Refusal::kNoPeriod},
    {"a period of a day", [](LoadReport& r) { r.period_us = 86'400'000'000; }, Refusal::kNoPeriod},
    {"measured 4 s ago", [](LoadReport& r) { r.timestamp_us -= 4'000'000; }, Refusal::kStale},
    {"no time stamp", [](LoadReport& r) { r.timestamp_us = 0; }, Refusal::kStale},
    {"measured in 6 s", [](LoadReport& r) { r.timestamp_us += 6'000'000; }, Refusal::kFromFuture},
    {"the last report again", [](LoadReport& r) { r.sequence = 10; }, Refusal::kDuplicate},
    {"an older report", [](LoadReport& r) { r.sequence = 7; }, Refusal::kSequenceBack},
    {"completed falls", [](LoadReport& r) { r.completed = 5; }, Refusal::kCounterBack},
    {"latency jumps", [](LoadReport& r) { r.latency_us = 1e6; }, Refusal::kJump},
    {"connections jump", [](LoadReport& r) { r.active = 5000; }, Refusal::kJump},
    {"a restart of the agent",
     [](LoadReport& r) { r.sequence = 1, r.completed = 0; },
     Refusal::kNone},
    {"2.9 s old", [](LoadReport& r) { r.timestamp_us -= 2'900'000; }, Refusal::kNone},
    {"a gap in the sequence", [](LoadReport& r) { r.sequence = 500; }, Refusal::kNone},
};

class Judgement : public testing::TestWithParam<Case> {};

TEST_P(Judgement, IsAsTheTableSays) {
  Intake intake = heard_ten();
  LoadReport report = good(11);
  GetParam().change(report);

  const Refusal refusal = intake.accept(report, kNow, kWall);

  EXPECT_EQ(to_string(refusal), to_string(GetParam().refusal));
  EXPECT_EQ(
      intake.refused()[static_cast<std::size_t>(refusal)], refusal == Refusal::kNone ? 0U : 1U
  );
  if (refusal != Refusal::kNone) {
    EXPECT_EQ(intake.peek("b1")->sequence, 10U);
    EXPECT_EQ(intake.accepted(), 10U);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Judgement, testing::ValuesIn(kCases));

TEST(Intake, JumpIsBelievedWhenItStays) {
  Intake intake = heard_ten();
  LoadReport r = good(11);
  r.latency_us = 2e6;

  EXPECT_EQ(intake.accept(r, kNow, kWall), Refusal::kJump);
  r.sequence = 12;
  EXPECT_EQ(intake.accept(r, kNow, kWall), Refusal::kJump);
  r.sequence = 13;
  EXPECT_EQ(intake.accept(r, kNow, kWall), Refusal::kNone);
  r.sequence = 14;
  EXPECT_EQ(intake.accept(r, kNow, kWall), Refusal::kNone);
}

TEST(Intake, AnAgentThatStartsAgainUnheardIsBelievedWhenItsNumbersRise) {
  Intake intake = heard_ten();
  const auto low = [](std::uint64_t sequence) {
    LoadReport r = good(sequence);
    r.completed = sequence;
    return r;
  };
  EXPECT_EQ(intake.accept(low(2), kNow, kWall), Refusal::kSequenceBack);
  EXPECT_EQ(intake.accept(low(2), kNow, kWall), Refusal::kSequenceBack) << "sent twice";
  EXPECT_EQ(intake.accept(low(3), kNow, kWall), Refusal::kSequenceBack);
  EXPECT_EQ(intake.accept(low(4), kNow, kWall), Refusal::kNone);
  EXPECT_EQ(intake.accept(low(5), kNow, kWall), Refusal::kNone);
  EXPECT_EQ(intake.peek("b1")->sequence, 5U);
}

TEST(Intake, WindowIsTheMeanOverItsPeriods) {
  Intake intake;
  intake.set_backends({"b1"});
  LoadReport r = good(1);
  r.cpu = 0.2;
  intake.accept(r, kNow, kWall);
  r = good(2);
  r.cpu = 0.8;
  r.period_us = 300'000;
  intake.accept(r, kNow + 1, kWall);

  const auto m = intake.peek("b1");

  ASSERT_TRUE(m);
  EXPECT_NEAR(m->cpu, 0.65, 1e-9);
  EXPECT_EQ(m->period, 400 * base::kMillisecond);
  EXPECT_EQ(m->sequence, 2U);
  EXPECT_EQ(m->received_ns, kNow + 1);
}

TEST(Intake, WhatNoSourceMeasuresIsUntold) {
  Intake intake;
  intake.set_backends({"b1"});
  LoadReport share = good(1);
  share.origin = Origin::kAgentCheck;
  share.cpu = 0;
  share.untold = kCpuUntold | kMemoryUntold | kActiveUntold;
  ASSERT_EQ(intake.accept(share, kNow, kWall), Refusal::kNone);
  EXPECT_EQ(intake.peek("b1")->untold, share.untold);

  ASSERT_EQ(intake.accept(good(1), kNow, kWall), Refusal::kNone);
  ++share.sequence;
  share.completed += 10;
  ASSERT_EQ(intake.accept(share, kNow, kWall), Refusal::kNone);

  EXPECT_EQ(intake.peek("b1")->untold, 0U);
  EXPECT_NEAR(intake.peek("b1")->cpu, 0.5, 1e-9) << "as the agent says";
}

TEST(Intake, ReportsAreHandedOutOnce) {
  Intake intake = heard_ten();

  EXPECT_EQ(intake.take_reports("b1").size(), 10U);
  EXPECT_TRUE(intake.take_reports("b1").empty());
  EXPECT_EQ(intake.peek("b1")->sequence, 10U);
}

TEST(Intake, TakingBeginsANewWindow) {
  Intake intake = heard_ten();
  intake.take_reports("b1");
  LoadReport r = good(11);
  r.cpu = 1.0;
  intake.accept(r, kNow, kWall);

  EXPECT_NEAR(intake.peek("b1")->cpu, 1.0, 1e-9);
}

TEST(Intake, NobodyTakingCostsBoundedMemory) {
  Intake intake;
  intake.set_backends({"b1"});
  for (std::uint64_t i = 1; i <= 1000; ++i) intake.accept(good(i), kNow, kWall);

  const auto reports = intake.take_reports("b1");

  ASSERT_EQ(reports.size(), Intake::kMostRecent);
  EXPECT_EQ(reports.back().report.sequence, 1000U);
}

TEST(Intake, LeaveHoldsUntilTheAgentStartsAgain) {
  Intake intake = heard_ten();
  EXPECT_FALSE(intake.leave("b9"));
  EXPECT_TRUE(intake.leave("b1"));
  EXPECT_TRUE(intake.take_membership_change());
  EXPECT_TRUE(intake.leave("b1"));
  EXPECT_FALSE(intake.take_membership_change());

  intake.accept(good(11), kNow, kWall);
  EXPECT_TRUE(intake.has_left("b1"));
  intake.accept(good(1), kNow, kWall);

  EXPECT_FALSE(intake.has_left("b1"));
  EXPECT_TRUE(intake.take_membership_change());
}

TEST(Intake, ReloadKeepsWhatWasSaid) {
  Intake intake = heard_ten();
  intake.set_backends({"b1", "b2"});

  EXPECT_TRUE(intake.peek("b1"));
  EXPECT_FALSE(intake.peek("b2"));
  EXPECT_EQ(intake.reporting(kNow + base::kSecond, 3 * base::kSecond), 1U);
  EXPECT_EQ(intake.reporting(kNow + 9 * base::kSecond, 3 * base::kSecond), 0U);
}

TEST(Intake, KeepsWhatAnAgentSaidOfItsTunnelsUntilItSaysMore) {
  Intake intake = heard_ten();
  EXPECT_TRUE(intake.tunnel("b1").empty());
  LoadReport r = good(11);
  r.tunnel = {{"gue", 7}, {"passed_on", 2}};
  ASSERT_EQ(intake.accept(r, kNow, kWall), Refusal::kNone);
  ASSERT_EQ(intake.accept(good(12), kNow, kWall), Refusal::kNone);

  EXPECT_EQ(intake.tunnel("b1"), r.tunnel);
  EXPECT_TRUE(intake.tunnel("b9").empty());
  EXPECT_TRUE(intake.take_reports("b1").back().report.tunnel.empty()) << "128 copies of it";
}

}  // namespace
}  // namespace fairlead::monitor
