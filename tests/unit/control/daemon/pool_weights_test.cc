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
