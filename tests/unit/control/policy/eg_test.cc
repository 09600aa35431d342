// SPDX-License-Identifier: BSD-3-Clause
// Exponentiated gradient: moves follow the marginal cost and fade.
#include <gtest/gtest.h>

#include "control/policy/residual.hh"

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

TEST(ExponentiatedGradient, MovesAwayFromTheFullerBackend) {
  const auto moves = eg_moves({view(2), view(2), view(9)}, 1);
  EXPECT_LT(moves[2], 0);
  EXPECT_GT(moves[0], 0);
}

TEST(ExponentiatedGradient, LeavesEqualOccupancyAloneWhateverTheCapacity) {
  BackendView fast = view(4);
  fast.capacity = 800;
  const auto moves = eg_moves({view(4), fast}, 1);
  EXPECT_NEAR(moves[0], 0, 1e-12);
  EXPECT_NEAR(moves[1], 0, 1e-12);
}

TEST(ExponentiatedGradient, ForgetsWithoutEvidence) {
  BackendView old = view(2);
  old.fresh = false;
  old.residual = 0.4;
  EXPECT_NEAR(eg_moves({old, view(2)}, 1)[0], -0.05 * 0.4, 1e-12);
}

TEST(ExponentiatedGradient, ALongPauseIsNotALongStep) {
  EXPECT_EQ(eg_moves({view(1), view(9)}, 1000), eg_moves({view(1), view(9)}, 2));
}

}  // namespace
}  // namespace fairlead::policy
