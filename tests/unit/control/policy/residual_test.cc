// SPDX-License-Identifier: BSD-3-Clause
// Learned residuals stay within their rails, and a learner that does worse is switched off.
#include "control/policy/residual.hh"

#include <cmath>

#include <gtest/gtest.h>

#include "control/policy/actor_critic.hh"
#include "control/policy/picker.hh"

namespace fairlead::policy {
namespace {

BackendView view(double active) {
  BackendView v;
  v.capacity = 200;
  v.parallel = 4;
  v.active = active;
  v.rate = 100;
  v.latency_us = 20000;
  v.utilization = 0.5;
  v.fresh = true;
  return v;
}

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

TEST(ExponentiatedGradient, MovesAwayFromTheFullerBackend) {
  const auto moves = eg_moves({view(2), view(2), view(9)}, 1);
  EXPECT_LT(moves[2], 0);
  EXPECT_GT(moves[0], 0);
}

TEST(Rails, BoundEveryMoveAndIgnoreNonsense) {
  const std::vector<BackendView> views(4, view(2));
  const auto residuals = rail(views, {50, -50, NAN, 0.001}, {1000, 1000, 1000, 1000});
  double before = 4;
  double after = 0;
  for (const double r : residuals) after += std::exp(r);
  double moved = 0;
  for (const double r : residuals) moved += std::abs(std::exp(r) / after - 1 / before);
  EXPECT_LE(moved / 2, 0.125);
  EXPECT_GE(residuals[1], -1);
  EXPECT_LE(residuals[0], 0.7);
  EXPECT_EQ(residuals[2], 0);
  EXPECT_EQ(residuals[3], 0);
}

TEST(Rails, AFailingBackendIsNotPreferred) {
  BackendView failing = view(0);
  failing.error_share = 0.5;
  failing.residual = -0.6;
  const auto residuals = rail({failing, view(2)}, {0.5, 0}, {1000, 1000});
  EXPECT_LT(residuals[0], -0.6);
}

TEST(Actor, TheSameInputsGiveTheSameMoves) {
  const std::vector<BackendView> views = {view(1), view(5)};
  EXPECT_EQ(actor_moves(views, trained_actor()), actor_moves(views, trained_actor()));
}

TEST(SmoothWrr, FollowsWeightsExactly) {
  const std::vector<double> weight = {1, 2, 5};
  const std::vector<std::uint32_t> open(3);
  const std::vector<std::uint8_t> usable(3, 1);
  Random random(1);
  const auto picker = make_smooth_wrr();
  std::vector<int> count(3);
  for (int i = 0; i < 800; ++i) ++count[picker->pick({weight, open, usable, 1, 0}, random)];
  EXPECT_NEAR(count[0], 100, 1);
  EXPECT_NEAR(count[2], 500, 1);
}

TEST(Least, EachRuleMinimisesItsScore) {
  const std::vector<double> weight = {1, 4};
  const std::vector<std::uint32_t> open = {1, 3};
  const std::vector<std::uint8_t> usable(2, 1);
  Random random(1);
  const NodeView node{weight, open, usable, 1, 0};
  EXPECT_EQ(make_least(LeastRule::kConnections)->pick(node, random), 0U);
  EXPECT_EQ(make_least(LeastRule::kWeighted)->pick(node, random), 1U);
  EXPECT_EQ(make_least(LeastRule::kExpectedDelay)->pick(node, random), 1U);
}

TEST(Pickers, NeverChooseTheUnusable) {
  const std::vector<double> weight = {1, 4, 2};
  const std::vector<std::uint32_t> open(3);
  const std::vector<std::uint8_t> usable = {0, 1, 0};
  const std::vector<std::uint8_t> none(3);
  for (int kind = 0; kind < 7; ++kind) {
    std::unique_ptr<Picker> pickers[] = {
        make_random_picker(),
        make_smooth_wrr(),
        make_least(LeastRule::kWeighted),
        make_power_of_two(2),
        make_peak_ewma(),
        make_prequal(),
        make_jiq()};
    Random random(2);
    pickers[kind]->token(0);
    for (int i = 0; i < 20; ++i)
      EXPECT_EQ(pickers[kind]->pick({weight, open, usable, 1, 0}, random), 1U) << kind;
    EXPECT_EQ(pickers[kind]->pick({weight, open, none, 2, 0}, random), kNobody) << kind;
  }
}

}  // namespace
}  // namespace fairlead::policy
