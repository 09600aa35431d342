// SPDX-License-Identifier: BSD-3-Clause
// The linear actor: a function of its inputs, the same for every backend, and it learns.
#include "control/policy/actor_critic.hh"

#include <cmath>

#include <gtest/gtest.h>

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

TEST(Actor, TheSameInputsGiveTheSameMoves) {
  const std::vector<BackendView> views = {view(1), view(5)};
  EXPECT_EQ(actor_moves(views, trained_actor()), actor_moves(views, trained_actor()));
}

TEST(Actor, TreatsBackendsAlikeInAnyOrder) {
  const auto moves = actor_moves({view(1), view(5), view(3)}, trained_actor());
  const auto turned = actor_moves({view(3), view(1), view(5)}, trained_actor());
  EXPECT_DOUBLE_EQ(moves[0], turned[1]);
  EXPECT_DOUBLE_EQ(moves[1], turned[2]);
  EXPECT_DOUBLE_EQ(moves[2], turned[0]);
}

TEST(Actor, FeaturesAreBoundedWhateverIsReported) {
  BackendView odd = view(1e7);
  odd.latency_us = 1e9;
  odd.slope = -1e7;
  odd.error_share = 1;
  for (const Features& x : features({odd, view(0), view(2)}))
    for (const double value : x) EXPECT_LE(std::abs(value), 3.0);
}

TEST(Trainer, IsAFunctionOfItsSeedAndLearnsSomething) {
  const auto trained = [](std::uint64_t seed) {
    Trainer trainer({}, seed);
    for (int step = 0; step < 50; ++step) trainer.step({view(1), view(6), view(2 + step % 3)});
    return trainer.actor();
  };
  EXPECT_EQ(trained(1), trained(1));
  EXPECT_FALSE(trained(1) == trained(2));
  EXPECT_FALSE(trained(1) == ActorParameters{});
}

}  // namespace
}  // namespace fairlead::policy
