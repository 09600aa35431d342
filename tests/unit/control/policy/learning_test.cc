// SPDX-License-Identifier: BSD-3-Clause
// The switches around a learner, through update(): what it may do in each mode, and the fallback.
#include <cmath>

#include <gtest/gtest.h>

#include "control/policy/policy.hh"

namespace fairlead::policy {
namespace {

using base::kSecond;
using model::PolicyName;

/// Four backends; after 5 s the third is fuller than the others, so that learners want to move.
class Fleet {
 public:
  Fleet(PolicyName policy, Learning learning) {
    snapshot_.policy = policy;
    snapshot_.parameters.learning = learning;
    for (int b = 0; b < 4; ++b)
      snapshot_.backends.push_back({"b" + std::to_string(b), 100, 0, true});
  }
  Weights second(double latency_us = 20000) {
    Observations observed;
    ++turn_;
    observed.now = (1000 + turn_) * kSecond;
    for (std::size_t b = 0; b < 4; ++b) {
      Report r;
      r.received_ns = observed.now;
      r.sequence = turn_;
      r.cpu = 0.6;
      r.requests_per_second = 120;
      r.active = b == 2 && turn_ > 5 ? 7 : 2.5;
      r.mean_latency_us = latency_us;
      r.period = kSecond;
      observed.backends.push_back({{r}, 0});
    }
    return update(snapshot_, observed, state_, kSecond);
  }
  Weights seconds(int count) {
    Weights last;
    for (int i = 0; i < count; ++i) last = second();
    return last;
  }
  [[nodiscard]] bool wants_to_move() const {
    for (const auto& [id, s] : state_.backends)
      if (std::abs(s.residual) > 0.02) return true;
    return false;
  }

  Snapshot snapshot_;
  State state_;

 private:
  std::uint64_t turn_ = 0;
};

bool same(const Weights& a, const Weights& b) {
  for (std::size_t i = 0; i < a.backends.size(); ++i)
    if (a.backends[i].weight != b.backends[i].weight ||
        a.backends[i].inverse_weight != b.backends[i].inverse_weight)
      return false;
  return true;
}

class Learner : public testing::TestWithParam<PolicyName> {};
INSTANTIATE_TEST_SUITE_P(
    Learners, Learner, testing::Values(PolicyName::kEg, PolicyName::kActorCritic)
);

TEST_P(Learner, ActsWhenItIsOn) {
  Fleet fleet(GetParam(), Learning::kOn);
  Fleet without(PolicyName::kAdaptive, Learning::kOn);
  const Weights learned = fleet.seconds(12);
  EXPECT_TRUE(fleet.wants_to_move());
  EXPECT_FALSE(same(learned, without.seconds(12)));
}

TEST_P(Learner, ComputesAndTellsInTheShadowButChangesNothing) {
  Fleet fleet(GetParam(), Learning::kShadow);
  Fleet without(PolicyName::kAdaptive, Learning::kOn);
  for (int i = 0; i < 40; ++i) {
    const Weights shadow = fleet.second();
    ASSERT_TRUE(same(shadow, without.second())) << i;
    EXPECT_NE(shadow.backends[2].why.find("shadow"), std::string::npos);
  }
  EXPECT_TRUE(fleet.wants_to_move());
}

TEST_P(Learner, StopsAtOnceWhenItIsSwitchedOff) {
  Fleet fleet(GetParam(), Learning::kOn);
  Fleet without(PolicyName::kAdaptive, Learning::kOn);
  fleet.seconds(12);
  without.seconds(12);

  fleet.snapshot_.parameters.learning = Learning::kOff;

  const Weights off = fleet.second();
  EXPECT_TRUE(same(off, without.second()));
  EXPECT_FALSE(fleet.wants_to_move());
  EXPECT_NE(off.backends[0].why.find("switched off"), std::string::npos);
}

TEST_P(Learner, FallsBackByItselfWhenItDoesWorse) {
  Fleet fleet(GetParam(), Learning::kOn);
  Fleet without(PolicyName::kAdaptive, Learning::kOn);
  Weights last;
  for (int i = 0; i < 120 && !fleet.state_.guard.blocked(); ++i) {
    // Latency doubles exactly while the learner is in force.
    last = fleet.second(fleet.state_.guard.learner_runs() ? 40000 : 20000);
    without.second();
  }
  ASSERT_TRUE(fleet.state_.guard.blocked());
  EXPECT_TRUE(same(last, without.second()));
  EXPECT_NE(last.backends[0].why.find("fell back"), std::string::npos);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(same(fleet.second(), without.second())) << i;
  EXPECT_EQ(fleet.state_.guard.trips(), 1U);
}

TEST_P(Learner, NeverTouchesTheTable) {
  Fleet fleet(GetParam(), Learning::kOn);
  Fleet without(PolicyName::kAdaptive, Learning::kOn);
  for (int i = 0; i < 60; ++i) {
    const Weights learned = fleet.second();
    const Weights plain = without.second();
    for (std::size_t b = 0; b < 4; ++b)
      ASSERT_EQ(learned.backends[b].weight, plain.backends[b].weight);
  }
}

}  // namespace
}  // namespace fairlead::policy
