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
       {.dead_band = 0.1, .max_step = 0.1, .max_moved = 0.01},
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

std::vector<double> shares_of(const std::vector<Railed>& pool) {
  double all = 0;
  std::vector<double> out;
  for (const Railed& r : pool) all += r.weight;
  for (const Railed& r : pool) out.push_back(r.weight / all);
  return out;
}

TEST(Rails, SharesAreWithinFloorAndCeilingWhateverThePolicyWants) {
  struct Case {
    const char* says;
    RailSettings settings;
    Pool pool;
    double first;
  };
  const Case cases[] = {
      {"three equal ones, ceiling 1.2: 40 %",
       {.floor = 0.5, .ceiling = 1.2},
       {{100, 1000, 2900}, {100, 1000, 50}, {100, 1000, 50}},
       0.4},
      {"two equal ones, ceiling 1.2: 60 %",
       {.ceiling = 1.2},
       {{100, 1000, 1990}, {100, 1000, 10}},
       0.6},
      {"two equal ones, floor 0.5: 25 %",
       {.floor = 0.5},
       {{100, 1000, 10}, {100, 1000, 1990}},
       0.25},
      {"what the first may not have goes to the second, which may not have it either",
       {.ceiling = 1.2},
       {{100, 1000, 200}, {100, 1000, 1000}, {100, 1000, 8000}},
       0.2},
      {"unequal ones: of what is configured",
       {.floor = 0.5},
       {{300, 1000, 10}, {100, 1000, 1990}},
       0.375},
  };
  for (const Case& c : cases)
    EXPECT_NEAR(shares_of(once(c.settings, c.pool))[0], c.first, 0.001) << c.says;
}

TEST(Rails, TheStepIsNotCrossedForTheFloor) {
  const RailSettings settings{.max_step = 0.05, .floor = 0.9};
  Pool pool = {{100, 116, 100}, {100, 1884, 1900}};
  double share = 0.058;
  for (int update = 0; update < 100; ++update) {
    const auto out = once(settings, pool);
    for (std::size_t i = 0; i < pool.size(); ++i) {
      ASSERT_LE(std::abs(1.0 * out[i].weight - pool[i].before), 0.05 * pool[i].before + 1e-9);
      pool[i].before = out[i].weight;
    }
    const double now = shares_of(out)[0];
    ASSERT_GE(now, share - 0.001) << "nearer to the floor with each update";
    share = now;
  }
  EXPECT_NEAR(share, 0.45, 0.001);
}

TEST(Rails, StepsDoNotCarryAnybodyPastACeilingOnTheirWay) {
  // One by one the large one would go down faster than the others come up.
  const RailSettings settings{.max_step = 0.1, .ceiling = 2};
  const Pool pool = {{100, 1300, 1330}, {100, 600, 70}, {100, 100, 600}};
  const auto out = once(settings, pool);
  EXPECT_LE(shares_of(out)[0], 2.0 / 3);
  EXPECT_EQ(out[1].weight, 590U);
  EXPECT_EQ(out[2].weight, 110U);
}

TEST(Rails, InAnyWindowNoMoreMovesThanAllowed) {
  const RailSettings settings{.max_moved = 0.02, .moved_within = 10 * kSecond};
  std::vector<std::uint32_t> weights = {1000, 1000};
  MoveBudget budget;
  std::vector<double> moved;
  for (int second = 1; second <= 120; ++second) {
    const std::vector<double> before(weights.begin(), weights.end());
    const auto out = apply_rails(
        settings,
        {{100, weights[0], second < 60 ? 9000U : 100U},
         {100, weights[1], second < 60 ? 100U : 9000U}},
        budget,
        second * kSecond
    );
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = out[i].weight;
    moved.push_back(moved_share(before, {weights.begin(), weights.end()}));
  }
  for (std::size_t from = 0; from + 10 <= moved.size(); ++from)
    ASSERT_LE(std::accumulate(&moved[from], &moved[from] + 10, 0.0), 0.02 + 1e-9) << from;
  EXPECT_GT(std::accumulate(moved.begin(), moved.end(), 0.0), 0.08) << "else it says nothing";
}

TEST(Rails, InAnyMinuteNoMoreMovesThanAllowedAndInTheEndThePolicyGetsItsWay) {
  const RailSettings settings{.max_moved = 0.02};
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
        .floor = any(0, 1) < 0.5 ? 0 : any(0.01, 1),
        .ceiling = any(0, 1) < 0.5 ? 0 : any(1, 5),
        .max_moved = any(0, 1) < 0.5 ? 0 : any(0.001, 0.5)};
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
      if (s.floor > 0 || s.ceiling > 0) continue;
      // Never beyond what was wanted, never the other way.
      ASSERT_LE(std::min<double>(b, pool[i].wanted), w);
      ASSERT_GE(std::max<double>(b, pool[i].wanted), w);
    }
    const double all = std::accumulate(after.begin(), after.end(), 0.0);
    const double rounding = (size + 1) / all;
    if (s.max_moved > 0) {
      ASSERT_LE(moved_share(before, after), s.max_moved / 2 + rounding) << round;
    }
    // Within floor and ceiling at once where nothing slows it, else not further out than before.
    const bool at_once = s.max_step == 0 && s.max_moved == 0;
    const double all_before = std::accumulate(before.begin(), before.end(), 0.0);
    double configured = 0;
    for (const RailInput& in : pool) configured += in.configured;
    for (std::size_t i = 0; i < pool.size(); ++i) {
      const double fair = pool[i].configured / configured;
      const double was = before[i] / all_before;
      const double least = s.floor * fair;
      const double most = s.ceiling > 0 ? s.ceiling * fair : 1;
      ASSERT_GE(after[i] / all, (at_once ? least : std::min(least, was)) - rounding) << round;
      if (s.ceiling > 0) {
        ASSERT_LE(after[i] / all, (at_once ? most : std::max(most, was)) + rounding) << round;
      }
    }
  }
}

}  // namespace
}  // namespace fairlead::policy
