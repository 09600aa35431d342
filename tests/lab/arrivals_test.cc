// SPDX-License-Identifier: BSD-3-Clause
#include "tests/lab/arrivals.hh"

#include <gtest/gtest.h>

namespace fairlead::lab {
namespace {

TEST(Arrivals, PoissonHasTheConfiguredRate) {
  Arrivals arrivals(Arrivals::Kind::kPoisson, 1000, 7, 0);

  for (int i = 0; i < 100'000; ++i) arrivals.take(arrivals.next());

  EXPECT_NEAR(static_cast<double>(arrivals.next()) / 1e9, 100.0, 2.0);
}

TEST(Arrivals, SameSeedSameSchedule) {
  Arrivals a(Arrivals::Kind::kPoisson, 1000, 7, 0);
  Arrivals b(Arrivals::Kind::kPoisson, 1000, 7, 0);

  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.take(a.next()), b.take(b.next()));
}

TEST(Arrivals, MovesTheScheduleInsteadOfCatchingUpInABurst) {
  Arrivals arrivals(Arrivals::Kind::kConstant, 1000, 1, 0);
  const std::int64_t late = 500'000'000;

  EXPECT_EQ(arrivals.take(late), late);

  EXPECT_EQ(arrivals.next(), late + 1'000'000);
  EXPECT_EQ(arrivals.shifted_ns(), late - 1'000'000);
}

TEST(Arrivals, KeepsTheScheduleWhenALittleLate) {
  Arrivals arrivals(Arrivals::Kind::kConstant, 1000, 1, 0);

  EXPECT_EQ(arrivals.take(6'000'000), 1'000'000);
  EXPECT_EQ(arrivals.next(), 2'000'000);
}

}  // namespace
}  // namespace fairlead::lab
