// SPDX-License-Identifier: BSD-3-Clause
// The linear actor: a function of its inputs, the same for every backend, and it learns.
#include "control/policy/actor_critic.hh"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/unit/control/policy/one_backend.hh"

namespace fairlead::policy {
namespace {

TEST(Actor, TheSameInputsGiveTheSameMoves) {
  const std::vector<BackendView> views = {known_backend(1), known_backend(5)};
  EXPECT_EQ(actor_moves(views, trained_actor()), actor_moves(views, trained_actor()));
}

TEST(Actor, TreatsBackendsAlikeInAnyOrder) {
  const auto moves =
      actor_moves({known_backend(1), known_backend(5), known_backend(3)}, trained_actor());
  const auto turned =
      actor_moves({known_backend(3), known_backend(1), known_backend(5)}, trained_actor());
  EXPECT_DOUBLE_EQ(moves[0], turned[1]);
  EXPECT_DOUBLE_EQ(moves[1], turned[2]);
  EXPECT_DOUBLE_EQ(moves[2], turned[0]);
}

TEST(Actor, FeaturesAreBoundedWhateverIsReported) {
  BackendView odd = known_backend(1e7);
  odd.latency_us = 1e9;
  odd.slope = -1e7;
  odd.error_share = 1;
  for (const Features& x : features({odd, known_backend(0), known_backend(2)}))
    for (const double value : x) EXPECT_LE(std::abs(value), 3.0);
}

TEST(Trainer, IsAFunctionOfItsSeedAndLearnsSomething) {
  const auto trained = [](std::uint64_t seed) {
    Trainer trainer({}, seed);
    for (int step = 0; step < 50; ++step)
      trainer.step({known_backend(1), known_backend(6), known_backend(2 + step % 3)});
    return trainer.actor();
  };
  EXPECT_EQ(trained(1), trained(1));
  EXPECT_FALSE(trained(1) == trained(2));
  EXPECT_FALSE(trained(1) == ActorParameters{});
}

}  // namespace
}  // namespace fairlead::policy
