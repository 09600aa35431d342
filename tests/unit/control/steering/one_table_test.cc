// SPDX-License-Identifier: BSD-3-Clause
// A table is a function of configuration, weights and states: not of the order in which they came.
#include <cstdlib>
#include <memory>

#include <gtest/gtest.h>

#include "control/steering/steering.hh"

namespace fairlead::steering {
namespace {

constexpr std::size_t kCapacity = 1 << 20;

/// Backends of weight 100, in a vip with a table of 1021 slots.
PoolIntent pool(const std::vector<std::string>& ids) {
  PoolIntent intent;
  intent.vip.name = "web";
  intent.vip.prefix = {net::IpAddr::v4(203, 0, 113, 10), 32};
  intent.vip.port = 80;
  intent.vip.table_size = 1021;
  for (const std::string& id : ids) {
    model::Backend b;
    b.id = id;
    b.address = net::IpAddr::v4(10, 0, 0, static_cast<std::uint8_t>(std::atoi(id.c_str() + 1)));
    intent.vip.backends.push_back(b);
    intent.backends.push_back({100, 0, FL_MEMBER_ACTIVE});
  }
  return intent;
}

struct Bank {
  std::unique_ptr<std::byte, decltype(&std::free)> bytes{
      static_cast<std::byte*>(std::aligned_alloc(64, kCapacity)), &std::free};
  steer::TableView put(const Plan& plan, std::uint64_t generation) {
    const auto used = encode(plan, generation, 1, {bytes.get(), kCapacity});
    EXPECT_TRUE(used) << used.error().what;
    auto view = steer::TableView::attach(bytes.get(), kCapacity);
    EXPECT_TRUE(view) << view.error().what;
    return *view;
  }
};

Plan planned(const Steering& steering, const PoolIntent& pool) {
  auto plan = steering.plan({pool}, {}, 0);
  EXPECT_TRUE(plan) << plan.error().what;
  return std::move(*plan);
}

Plan committed(Steering& steering, const PoolIntent& pool) {
  Plan plan = planned(steering, pool);
  steering.commit(plan);
  return plan;
}

/// Plans and commits each of `histories` after the other. Returns: the last.
Plan after(Steering& steering, const std::vector<PoolIntent>& histories) {
  Plan plan;
  for (const PoolIntent& p : histories) plan = committed(steering, p);
  return plan;
}

PoolIntent down(PoolIntent pool, const std::vector<std::size_t>& which) {
  for (const std::size_t i : which) pool.backends[i].state = FL_MEMBER_DOWN;
  return pool;
}

PoolIntent weighing(PoolIntent pool, const std::vector<std::uint32_t>& weights) {
  for (std::size_t i = 0; i < weights.size(); ++i) pool.backends[i].weight = weights[i];
  return pool;
}

std::uint32_t different(const Plan& a, const Plan& b) {
  std::uint32_t count = 0;
  for (std::size_t s = 0; s < a.tables[0]->slots.size(); ++s)
    count += fl_slot_owner(a.tables[0]->slots[s]) != fl_slot_owner(b.tables[0]->slots[s]) ? 1 : 0;
  return count;
}

TEST(OneTable, NodesThatSawTheSameThingsInAnotherOrderAgree) {
  const PoolIntent all = pool({"b1", "b2", "b3", "b4", "b5"});
  const auto drifted = weighing(all, {100, 150, 60, 220, 90});
  Steering a, b, c;
  const Plan one = after(a, {all, drifted, down(drifted, {1}), down(drifted, {1, 3})});
  const Plan two = after(b, {down(all, {0, 1, 2, 3}), all, down(all, {3}), down(drifted, {1, 3})});
  const Plan three = after(c, {weighing(all, {9, 9, 9, 1, 1}), down(drifted, {1, 3})});

  EXPECT_EQ(one.digest, two.digest);
  EXPECT_EQ(one.digest, three.digest);
  EXPECT_EQ(different(one, two), 0u);
  EXPECT_EQ(different(one, three), 0u);
}

TEST(OneTable, ADeathMovesTheSlotsOfTheDeadAndItsEndGivesExactlyTheseBack) {
  const PoolIntent all = pool({"b1", "b2", "b3", "b4", "b5"});
  for (const auto& weights :
       {std::vector<std::uint32_t>{100, 100, 100, 100, 100}, {900, 150, 60, 220, 10}}) {
    const PoolIntent pools = weighing(all, weights);
    Steering steering;
    const Plan before = after(steering, {all, pools});

    const Plan dead = committed(steering, down(pools, {1}));
    const Plan back = committed(steering, pools);

    EXPECT_EQ(dead.pools[0].slots_moved, before.backends(0)[1].slots);
    EXPECT_EQ(different(before, dead), before.backends(0)[1].slots);
    EXPECT_EQ(different(before, back), 0u);
  }
}

TEST(OneTable, AConfigurationsChangeMovesTheLeast) {
  const PoolIntent five = pool({"b1", "b2", "b3", "b4", "b5"});
  PoolIntent four = pool({"b1", "b2", "b3", "b4"});
  Steering steering;
  const Plan before = committed(steering, five);

  const Plan without = committed(steering, four);
  EXPECT_EQ(without.pools[0].slots_moved, before.backends(0)[4].slots);

  four.vip.backends[0].weight = 200;
  four.backends[0].weight = 200;
  const Plan heavier = committed(steering, four);
  EXPECT_EQ(
      heavier.pools[0].slots_moved, heavier.backends(0)[0].slots - without.backends(0)[0].slots
  );
}

TEST(OneTable, WhatIsPublishedIsKeptOverARestartWhateverItCameFrom) {
  const PoolIntent five = pool({"b1", "b2", "b3", "b4", "b5"});
  const PoolIntent four = pool({"b2", "b3", "b4", "b5"});
  const auto drifted = weighing(four, {100, 150, 60, 220});
  for (const PoolIntent& last : {four, drifted, down(four, {1}), down(drifted, {0, 2})}) {
    Steering steering;  // its base comes from five, so nobody can derive it from four
    const Plan published = after(steering, {five, last});
    Bank bank;
    Steering restored = *Steering::restore(bank.put(published, 1), 0);

    const Plan again = committed(restored, last);

    EXPECT_EQ(again.pools[0].slots_moved, 0u);
    EXPECT_EQ(again.digest, published.digest);
    const Plan next = committed(restored, drifted);
    EXPECT_EQ(next.pools[0].table_size, 1021u);
    EXPECT_EQ(
        committed(restored, down(drifted, {3})).pools[0].slots_moved, next.backends(0)[3].slots
    );
  }
}

TEST(OneTable, WeightsConfiguredWhileControlWasAwayAreInForceAfterItsRestart) {
  Steering steering;
  Bank bank;
  PoolIntent two = pool({"b1", "b2"});
  const steer::TableView view = bank.put(after(steering, {two}), 1);
  Steering restored = *Steering::restore(view, 0);
  for (const auto& [at, weight] : {std::pair<std::size_t, std::uint32_t>{0, 1}, {1, 100}}) {
    two.vip.backends[at].weight = weight;
    two.backends[at].weight = weight;
  }
  EXPECT_NEAR(committed(restored, two).backends(0)[1].slots, 1021 * 100 / 101, 1);
}

TEST(OneTable, ARestartedControlAgreesAgainWithTheOthers) {
  const PoolIntent all = pool({"b1", "b2", "b3", "b4", "b5"});
  const auto drifted = weighing(all, {100, 150, 60, 220, 90});
  for (const PoolIntent& last : {all, drifted, down(all, {1, 3}), down(drifted, {0})}) {
    Steering steering;
    Bank bank;
    const steer::TableView view = bank.put(after(steering, {all, down(all, {2}), last}), 1);
    Steering restored = *Steering::restore(view, 0);
    committed(restored, last);

    for (const PoolIntent& next : {all, drifted, down(drifted, {2})})
      EXPECT_EQ(planned(restored, next).digest, planned(steering, next).digest);
  }
}

}  // namespace
}  // namespace fairlead::steering
