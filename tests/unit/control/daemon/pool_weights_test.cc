// SPDX-License-Identifier: BSD-3-Clause
// Policies' turns over pools.
#include "control/pool_weights.hh"

#include <gtest/gtest.h>

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

PoolWeights::Input configured(const model::Vip&, const model::Backend& backend) {
  PoolWeights::Input in;
  in.configured = backend.weight;
  return in;
}

TEST(PoolWeights, StaticWeightsAreInTheRatioOfTheConfiguration) {
  PoolWeights weights;
  model::Vip pool = vip("web", {"b1", "b2"});
  pool.backends[1].weight = 50;

  EXPECT_TRUE(weights.turn({pool}, model::PolicyName::kStatic, {}, base::kSecond, configured));

  ASSERT_NE(weights.find("web", "b1"), nullptr);
  EXPECT_EQ(weights.find("web", "b1")->weight, 2 * weights.find("web", "b2")->weight);
}

TEST(PoolWeights, SecondTurnWithoutNewsChangesNothing) {
  PoolWeights weights;
  const model::Vip pool = vip("web", {"b1", "b2"});
  weights.turn({pool}, model::PolicyName::kAdaptive, {}, base::kSecond, configured);

  EXPECT_FALSE(weights.turn({pool}, model::PolicyName::kAdaptive, {}, 2 * base::kSecond, configured)
  );
}

TEST(PoolWeights, RemovedPoolIsForgotten) {
  PoolWeights weights;
  weights.turn(
      {vip("web", {"b1"}), vip("dns", {"b1"})}, model::PolicyName::kStatic, {}, 1, configured
  );
  weights.turn({vip("web", {"b1"})}, model::PolicyName::kStatic, {}, 2, configured);

  EXPECT_NE(weights.find("web", "b1"), nullptr);
  EXPECT_EQ(weights.find("dns", "b1"), nullptr);
}

}  // namespace
}  // namespace fairlead::control
