// SPDX-License-Identifier: BSD-3-Clause
// Exponentiated gradient: moves follow the marginal cost and fade.
#include <gtest/gtest.h>

#include "control/policy/residual.hh"
#include "tests/unit/control/policy/one_backend.hh"

namespace fairlead::policy {
namespace {

TEST(ExponentiatedGradient, MovesAwayFromTheFullerBackend) {
  const auto moves = eg_moves({known_backend(2), known_backend(2), known_backend(9)}, 1);
  EXPECT_LT(moves[2], 0);
  EXPECT_GT(moves[0], 0);
}

TEST(ExponentiatedGradient, LeavesEqualOccupancyAloneWhateverTheCapacity) {
  BackendView fast = known_backend(4);
  fast.capacity = 800;
  const auto moves = eg_moves({known_backend(4), fast}, 1);
  EXPECT_NEAR(moves[0], 0, 1e-12);
  EXPECT_NEAR(moves[1], 0, 1e-12);
}

TEST(ExponentiatedGradient, ForgetsWithoutEvidence) {
  BackendView old = known_backend(2);
  old.fresh = false;
  old.residual = 0.4;
  EXPECT_NEAR(eg_moves({old, known_backend(2)}, 1)[0], -0.05 * 0.4, 1e-12);
}

TEST(ExponentiatedGradient, ALongPauseIsNotALongStep) {
  EXPECT_EQ(
      eg_moves({known_backend(1), known_backend(9)}, 1000),
      eg_moves({known_backend(1), known_backend(9)}, 2)
  );
}

}  // namespace
}  // namespace fairlead::policy
