// SPDX-License-Identifier: BSD-3-Clause
// Rails: whatever a learner wants, what it gets is bounded.
#include "control/policy/residual.hh"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/unit/control/policy/one_backend.hh"

namespace fairlead::policy {
namespace {

TEST(Rails, BoundEveryMoveAndIgnoreNonsense) {
  const std::vector<BackendView> views(4, known_backend(2));
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
  BackendView failing = known_backend(0);
  failing.error_share = 0.5;
  failing.residual = -0.6;
  const auto residuals = rail({failing, known_backend(2)}, {0.5, 0}, {1000, 1000});
  EXPECT_LT(residuals[0], -0.6);
}

TEST(Rails, ResidualsStayWithinTheirRangeHoweverOftenTheyArePushed) {
  std::vector<BackendView> views(4, known_backend(2));
  for (int turn = 0; turn < 200; ++turn) {
    const auto residuals = rail(views, {5, -5, 0, 0}, {1000, 1000, 1000, 1000});
    for (std::size_t i = 0; i < 4; ++i) views[i].residual = residuals[i];
  }
  EXPECT_DOUBLE_EQ(views[0].residual, 0.7);
  EXPECT_DOUBLE_EQ(views[1].residual, -1);
}

TEST(Rails, AStaleBackendsResidualHalves) {
  BackendView stale = known_backend(2);
  stale.fresh = false;
  stale.residual = 0.4;
  EXPECT_DOUBLE_EQ(
      rail(
          {stale, known_backend(2), known_backend(2), known_backend(2)}, {5, 0, 0, 0}, {1, 1, 1, 1}
      )[0],
      0.2
  );
}

}  // namespace
}  // namespace fairlead::policy
