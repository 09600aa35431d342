// SPDX-License-Identifier: BSD-3-Clause
// Rails: each holds what it says, names itself, and all off change nothing.
#include "control/policy/rails.hh"

#include <cmath>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

namespace fairlead::policy {
namespace {

using base::kSecond;

using Pool = std::vector<RailInput>;

std::vector<Railed> once(const RailSettings& settings, const Pool& pool) {
  MoveBudget budget;
  return apply_rails(settings, pool, budget, kSecond);
}

TEST(Rails, AllOffAreTransparent) {
  const Pool pool = {{100, 1000, 9999}, {100, 1000, 1}, {0, 0, 0}, {100, 0, 500}};
  const auto out = once({}, pool);
  for (std::size_t i = 0; i < pool.size(); ++i) {
    EXPECT_EQ(out[i].weight, pool[i].wanted);
    EXPECT_EQ(out[i].bound, Rail::kNone);
  }
}

TEST(Rails, EachHoldsAndNamesItself) {
  struct Case {
    const char* says;
    RailSettings settings;
    Pool pool;
    std::uint32_t weight;
    Rail bound;
    const char* text;
  };
  const Case cases[] = {
      {"a change below the dead band is not made",
       {.dead_band = 0.1},
       {{100, 1000, 1090}, {100, 1000, 1000}},
       1000,
       Rail::kDeadBand,
       "held by the dead band of 10 %"},
      {"one above it is made whole",
       {.dead_band = 0.1},
       {{100, 1000, 1110}, {100, 1000, 1000}},
       1110,
       Rail::kNone,
       ""},
      {"a step up ends at the largest",
       {.max_step = 0.2},
       {{100, 1000, 5000}, {100, 1000, 1000}},
       1200,
       Rail::kStep,
       "held by the largest step, 20 % an update"},
      {"a step down too",
       {.max_step = 0.2},
       {{100, 1000, 10}, {100, 1000, 1000}},
       800,
       Rail::kStep,
       "held by the largest step, 20 % an update"},
      {"nobody falls below the floor",
       {.floor = 0.5},
       {{100, 1000, 100}, {100, 1000, 1900}},
       500,
       Rail::kFloor,
       "held by the floor, 0.5 of the configured share"},
      {"nobody rises above the ceiling",
       {.ceiling = 1.5},
       {{100, 1000, 1900}, {100, 1000, 100}},
       1500,
       Rail::kCeiling,
       "held by the ceiling, 1.5 of the configured share"},
      {"a backend that joins is not held",
       {.dead_band = 0.1, .max_step = 0.1, .moved_per_minute = 0.01},
       {{100, 0, 700}, {100, 1000, 1000}},
       700,
       Rail::kNone,
       ""},
  };
  for (const Case& c : cases) {
    const Railed out = once(c.settings, c.pool)[0];
    EXPECT_EQ(out.weight, c.weight) << c.says;
    EXPECT_EQ(out.bound, c.bound) << c.says;
    EXPECT_EQ(rail_text(out.bound, c.settings), c.text) << c.says;
  }
}

TEST(Rails, InAnyMinuteNoMoreMovesThanAllowedAndInTheEndThePolicyGetsItsWay) {
  const RailSettings settings{.moved_per_minute = 0.02};
  std::vector<std::uint32_t> weights = {1000, 1000, 1000, 1000};
  const std::vector<std::uint32_t> wanted = {1300, 700, 1000, 1000};
  MoveBudget budget;
  std::vector<double> moved;  // of each second
  bool named = false;
  for (int second = 1; second <= 1200; ++second) {
    Pool pool;
    std::vector<double> before;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      pool.push_back({100, weights[i], wanted[i]});
      before.push_back(weights[i]);
    }
    const auto out = apply_rails(settings, pool, budget, second * kSecond);
    std::vector<double> after;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      weights[i] = out[i].weight;
      after.push_back(weights[i]);
      named = named || out[i].bound == Rail::kMoved;
    }
    moved.push_back(moved_share(before, after));
  }

  EXPECT_TRUE(named);
  EXPECT_EQ(weights, wanted);
  for (std::size_t from = 0; from + 60 <= moved.size(); ++from) {
    double minute = 0;
    for (std::size_t i = from; i < from + 60; ++i) minute += moved[i];
    ASSERT_LE(minute, 0.02 + 1e-9) << "from second " << from;
  }
}

TEST(Rails, HoldForEveryPoolAndSetting) {
  std::mt19937_64 random(7);
  const auto any = [&](double least, double most) {
    return std::uniform_real_distribution<double>(least, most)(random);
  };
  for (int round = 0; round < 20'000; ++round) {
    const RailSettings s{
        .dead_band = any(0, 1) < 0.5 ? 0 : any(0, 0.5),
        .max_step = any(0, 1) < 0.3 ? 0 : any(0.01, 1),
        .floor = 0,
        .ceiling = 0,
        .moved_per_minute = any(0, 1) < 0.5 ? 0 : any(0.001, 0.5)};
    Pool pool;
    const int size = 1 + static_cast<int>(any(0, 12));
    for (int i = 0; i < size; ++i) {
      pool.push_back(
          {static_cast<std::uint32_t>(any(1, 10'000)),
           static_cast<std::uint32_t>(any(1, 10'000)),
           static_cast<std::uint32_t>(any(1, 10'000))}
      );
    }
    const auto out = once(s, pool);
    std::vector<double> before;
    std::vector<double> after;
    for (std::size_t i = 0; i < pool.size(); ++i) {
      const double b = pool[i].before;
      const double w = out[i].weight;
      before.push_back(b);
      after.push_back(w);
      ASSERT_GE(out[i].weight, 1U);
      if (s.max_step > 0) {
        ASSERT_LE(std::abs(w - b), s.max_step * b + 1) << round;
      }
      // Never beyond what was wanted, never the other way.
      ASSERT_LE(std::min<double>(b, pool[i].wanted), w);
      ASSERT_GE(std::max<double>(b, pool[i].wanted), w);
    }
    if (s.moved_per_minute > 0) {
      const double all = std::accumulate(after.begin(), after.end(), 0.0);
      ASSERT_LE(moved_share(before, after), s.moved_per_minute / 2 + size / all) << round;
    }
  }
}

}  // namespace
}  // namespace fairlead::policy
