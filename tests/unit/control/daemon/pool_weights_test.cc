// SPDX-License-Identifier: BSD-3-Clause
// Policies' turns over pools.
#include "control/pool_weights.hh"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>

#include <unistd.h>

#include <gtest/gtest.h>

#include "control/policy_log.hh"

namespace fairlead::control {
namespace {

model::Vip vip(const char* name, std::initializer_list<const char*> ids) {
  model::Vip out;
  out.name = name;
  for (const char* id : ids) {
    model::Backend backend;
    backend.id = id;
    out.backends.push_back(backend);
  }
  return out;
}

policy::Observation nothing(const std::string&) {
  return {};
}

/// A turn of pools as configured.
template <typename Observe>
bool turn(
    PoolWeights& weights,
    const std::vector<model::Vip>& vips,
    model::PolicyName policy,
    base::Nanoseconds now,
    const Observe& observe
) {
  const PoolIndex index(vips);
  return weights.turn(
      index,
      {policy, {}, now},
      [&](std::uint32_t v) {
        std::vector<PoolWeights::Standing> out;
        for (const model::Backend& backend : vips[v].backends)
          out.push_back({backend.weight, true});
        return out;
      },
      [&](std::uint32_t n) { return observe(index.backends()[n]); }
  );
}

TEST(PoolWeights, StaticWeightsAreInTheRatioOfTheConfiguration) {
  PoolWeights weights;
  model::Vip pool = vip("web", {"b1", "b2"});
  pool.backends[1].weight = 50;

  EXPECT_TRUE(turn(weights, {pool}, model::PolicyName::kStatic, base::kSecond, nothing));

  ASSERT_NE(weights.find("web", "b1"), nullptr);
  EXPECT_EQ(weights.find("web", "b1")->weight, 2 * weights.find("web", "b2")->weight);
}

TEST(PoolWeights, SecondTurnWithoutNewsChangesNothing) {
  PoolWeights weights;
  const model::Vip pool = vip("web", {"b1", "b2"});
  turn(weights, {pool}, model::PolicyName::kAdaptive, base::kSecond, nothing);

  EXPECT_FALSE(turn(weights, {pool}, model::PolicyName::kAdaptive, 2 * base::kSecond, nothing));
}

TEST(PoolWeights, RemovedPoolIsForgotten) {
  PoolWeights weights;
  turn(weights, {vip("web", {"b1"}), vip("dns", {"b1"})}, model::PolicyName::kStatic, 1, nothing);
  turn(weights, {vip("web", {"b1"})}, model::PolicyName::kStatic, 2, nothing);

  EXPECT_NE(weights.find("web", "b1"), nullptr);
  EXPECT_EQ(weights.find("dns", "b1"), nullptr);
}

/// Reports of a wrr pool in which b2 fails half of its requests.
policy::Observation failing(const std::string& id, base::Nanoseconds now) {
  policy::Report report;
  report.received_ns = now;
  report.sequence = now;
  report.cpu = 0.5;
  report.requests_per_second = 1000;
  report.errors_per_second = id == "b2" ? 500 : 0;
  report.period = base::kSecond;
  return {{report}, 0};
}

/// Largest relative step of b2's weight in 20 turns a second apart, and its last weight's reason.
std::pair<double, std::string> largest_step(PoolWeights& weights) {
  const model::Vip pool = vip("web", {"b1", "b2", "b3"});
  double largest = 0;
  double before = 0;
  std::string held;
  for (base::Nanoseconds now = base::kSecond; now <= 20 * base::kSecond; now += base::kSecond) {
    turn(weights, {pool}, model::PolicyName::kWrr, now, [&](const std::string& id) {
      return failing(id, now);
    });
    const policy::EffectiveWeight& weight = *weights.find("web", "b2");
    const double w = weight.weight;
    if (before > 0) largest = std::max(largest, std::abs(w - before) / before);
    before = w;
    if (weight.why.find("held by") != std::string::npos) held = weight.why;
  }
  return {largest, held};
}

TEST(PoolWeights, RailsHoldAPolicyAndSayWhich) {
  PoolWeights free;
  PoolWeights railed;
  railed.set_rails({.max_step = 0.05});

  const auto [free_step, free_why] = largest_step(free);
  const auto [step, why] = largest_step(railed);

  EXPECT_GT(free_step, 0.06) << "else the test says nothing";
  EXPECT_EQ(free_why, "");
  EXPECT_LE(step, 0.05);
  EXPECT_NE(why.find("held by the largest step, 5 % an update, wanted "), std::string::npos) << why;
}

TEST(PoolWeights, RailsDoNotHoldAnOperator) {
  PoolWeights weights;
  weights.set_rails({.dead_band = 0.5, .max_step = 0.01, .max_moved = 0.001});
  model::Vip pool = vip("web", {"b1", "b2"});
  turn(weights, {pool}, model::PolicyName::kStatic, 1, nothing);
  turn(weights, {pool}, model::PolicyName::kStatic, 2, nothing);

  pool.backends[1].weight = 50;
  turn(weights, {pool}, model::PolicyName::kStatic, 3, nothing);

  EXPECT_EQ(weights.find("web", "b1")->weight, 2 * weights.find("web", "b2")->weight);
}

/// Weights of a pool of b1 to b4, 0 where there is none.
std::vector<std::uint32_t> all_of(const PoolWeights& weights, const char* vip = "web") {
  std::vector<std::uint32_t> out;
  for (const char* id : {"b1", "b2", "b3", "b4"}) {
    const auto* weight = weights.find(vip, id);
    out.push_back(weight == nullptr ? 0 : weight->weight);
  }
  return out;
}

/// A turn of a wrr pool in which b2 fails; the second in `now` passes.
bool failing_turn(
    PoolWeights& weights,
    const model::Vip& pool,
    base::Nanoseconds& now,
    bool frozen,
    const char* drained = ""
) {
  now += base::kSecond;
  const PoolIndex index({pool});
  return weights.turn(
      index,
      {model::PolicyName::kWrr, {}, now, frozen},
      [&](std::uint32_t) {
        std::vector<PoolWeights::Standing> out;
        for (const model::Backend& b : pool.backends) out.push_back({b.weight, b.id != drained});
        return out;
      },
      [&](std::uint32_t n) { return failing(index.backends()[n], now); }
  );
}

TEST(PoolWeights, AFrozenPoolKeepsItsWeightsWhateverHappensAndSaysWhy) {
  PoolWeights weights;
  model::Vip pool = vip("web", {"b1", "b2", "b3"});
  base::Nanoseconds now = 0;
  for (int i = 0; i < 3; ++i) failing_turn(weights, pool, now, false);
  const auto before = all_of(weights);
  ASSERT_LT(before[1], before[0]) << "on its way";

  for (const char* drained : {"", "b3", "b3", "", ""}) {
    EXPECT_FALSE(failing_turn(weights, pool, now, true, drained));
    EXPECT_EQ(all_of(weights), before);
  }
  EXPECT_EQ(weights.find("web", "b2")->why, "frozen by operator");

  failing_turn(weights, pool, now, false);
  EXPECT_LT(all_of(weights)[1], before[1]) << "thawed: it goes on";
}

TEST(PoolWeights, OfAFrozenPoolOnlyWhatAnOperatorChangesIsWeighed) {
  PoolWeights weights;
  model::Vip pool = vip("web", {"b1", "b2", "b3"});
  base::Nanoseconds now = 0;
  for (int i = 0; i < 3; ++i) failing_turn(weights, pool, now, false);
  const auto before = all_of(weights);

  pool.backends[1].weight = pool.backends[0].weight / 2;
  EXPECT_TRUE(failing_turn(weights, pool, now, true));
  auto after = before;
  after[1] = static_cast<std::uint32_t>(std::lround(before[1] / 2.0));
  EXPECT_EQ(all_of(weights), after);

  pool.backends[0].weight = 0;
  failing_turn(weights, pool, now, true);
  after[0] = 0;
  EXPECT_EQ(all_of(weights), after);

  pool.backends.push_back(pool.backends[2]);
  pool.backends.back().id = "b4";
  failing_turn(weights, pool, now, true);
  const double factor = (after[1] + after[2]) / (1.5 * pool.backends[2].weight);
  EXPECT_NEAR(all_of(weights)[3], factor * pool.backends[3].weight, 0.5);
  EXPECT_EQ(all_of(weights)[2], before[2]);
}

TEST(PoolWeights, AFrozenPoolKeepsThePublishedWeightsOverARestart) {
  PoolWeights weights;
  weights.restore(
      std::map<std::string, PoolWeights::Restored>{{"web", {{"b1", 1551}, {"b2", 135}}}}, 1
  );
  const model::Vip pool = vip("web", {"b1", "b2", "b3"});
  base::Nanoseconds now = 0;
  for (int i = 0; i < 4; ++i) failing_turn(weights, pool, now, true);
  EXPECT_EQ(all_of(weights), (std::vector<std::uint32_t>{1551, 135, 843, 0}));
}

TEST(PoolWeights, AFrozenPoolWithoutAWeightIsWeighed) {
  PoolWeights weights;
  const model::Vip pool = vip("web", {"b1", "b2"});
  base::Nanoseconds now = 0;
  failing_turn(weights, pool, now, true);
  EXPECT_EQ(all_of(weights), (std::vector<std::uint32_t>{1000, 1000, 0, 0}));
}

TEST(PoolWeights, EveryTurnIsLoggedAndCanBeReplayedOverARestart) {
  const std::string path = testing::TempDir() + "policy-" + std::to_string(::getpid()) + ".jsonl";
  for (int process = 0; process < 2; ++process) {
    const auto log = PolicyLog::open(path);
    ASSERT_TRUE(log) << log.error().what;
    PoolWeights weights;
    weights.log_to(&(*log)->log());
    for (base::Nanoseconds second = 1; second < 20; ++second)
      turn(
          weights,
          {vip("web", {"b1", "b2"}), vip("dns", {"b3"}), vip("mail", {"b3"})},
          model::PolicyName::kEg,
          second * base::kSecond,
          [&](const std::string& id) {
            policy::Report report;
            report.received_ns = second * base::kSecond;
            report.sequence = second;
            report.cpu = 0.1 * static_cast<double>(second % 7);
            report.requests_per_second = id == "b1" ? 150 : 70;
            report.active = static_cast<double>(second % 5);
            report.period = base::kSecond;
            return policy::Observation{{report}, 0};
          }
      );
  }

  std::ifstream in(path);
  const auto replayed = policy::replay(in, path);
  std::remove(path.c_str());

  ASSERT_TRUE(replayed) << replayed.error().what;
  EXPECT_EQ(replayed->turns, 2U * 19 * 3) << "also of pools that are weighed together";
  EXPECT_EQ(replayed->pools, 3U);
}

TEST(PolicyLog, APlaceThatCannotBeWrittenToIsNamed) {
  const auto log = PolicyLog::open("/nowhere/policy.jsonl");
  ASSERT_FALSE(log);
  EXPECT_NE(log.error().what.find("policy.log: write /nowhere"), std::string::npos);
}

}  // namespace
}  // namespace fairlead::control
