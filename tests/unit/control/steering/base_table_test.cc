// SPDX-License-Identifier: BSD-3-Clause
// A base that the fleet has stored makes equal tables on nodes with unequal histories.
#include "control/steering/base_table.hh"

#include <cstdlib>
#include <memory>

#include <gtest/gtest.h>

#include "control/steering/steering.hh"

namespace fairlead::steering {
namespace {

constexpr std::size_t kCapacity = 1 << 20;
const HashKey kKey{1, 2};

PoolIntent pool(const std::vector<std::string>& ids, std::uint32_t table_size = 1021) {
  PoolIntent intent;
  intent.vip.name = "web";
  intent.vip.prefix = {net::IpAddr::v4(203, 0, 113, 10), 32};
  intent.vip.port = 80;
  intent.vip.table_size = table_size;
  for (const std::string& id : ids) {
    model::Backend b;
    b.id = id;
    b.address = net::IpAddr::v4(10, 0, 0, static_cast<std::uint8_t>(std::atoi(id.c_str() + 1)));
    intent.vip.backends.push_back(b);
    intent.backends.push_back({100, 0, FL_MEMBER_ACTIVE});
  }
  return intent;
}

Plan committed(Steering& steering, PoolIntent intent, const SharedBase& base = nullptr) {
  NodeIntent node;
  node.hash_key = kKey;
  intent.base = base;
  auto plan = steering.plan({intent}, node, 0);
  EXPECT_TRUE(plan) << plan.error().what;
  steering.commit(*plan);
  return std::move(*plan);
}

/// What the leader stores for a pool after `before`.
SharedBase stored(const PoolIntent& intent, const SharedBase& before = nullptr) {
  auto next = next_base(before.get(), base_shape(intent.vip), kKey);
  EXPECT_TRUE(next) << next.error().what;
  return std::make_shared<const BaseTable>(std::move(*next));
}

const PoolIntent kFive = pool({"b1", "b2", "b3", "b4", "b5"});
const PoolIntent kSix = pool({"b9", "b2", "b3", "b4", "b5", "b7"});
const PoolIntent kFour = pool({"b2", "b3", "b4", "b7"});

TEST(BaseTable, ANodeThatJoinsAfterAChangeHasTheTableOfTheOthers) {
  const SharedBase first = stored(kFive);
  const SharedBase second = stored(kSix, first);
  Steering node;
  committed(node, kFive, first);
  const Plan changed = committed(node, kSix, first);
  const Plan heard = committed(node, kSix, second);

  Steering joins;
  Steering alone;
  EXPECT_EQ(committed(joins, kSix, second).digest, changed.digest);
  EXPECT_NE(committed(alone, kSix).digest, changed.digest) << "nothing was stored";
  EXPECT_FALSE(heard.changed) << "the leader stores what nodes derived";
  PoolIntent down = kSix;
  down.backends[2].state = FL_MEMBER_DOWN;
  EXPECT_EQ(committed(joins, down, second).digest, committed(node, down, second).digest);
}

TEST(BaseTable, ANodeThatComesBeforeTheLeaderHasStoredAgreesToo) {
  const SharedBase first = stored(kFive);
  Steering node;
  committed(node, kFive, first);
  Steering joins;
  EXPECT_EQ(committed(joins, kSix, first).digest, committed(node, kSix, first).digest);
}

TEST(BaseTable, ANodeThatMissedAChangeAgreesWithThoseThatSawIt) {
  const SharedBase first = stored(kFive);
  const SharedBase third = stored(kFour, stored(kSix, first));
  Steering saw;
  Steering missed;
  committed(saw, kFive, first);
  committed(saw, kSix, first);
  committed(missed, kFive, first);
  EXPECT_EQ(committed(saw, kFour, third).digest, committed(missed, kFour, third).digest);
}

TEST(BaseTable, ATrialThatEndsLeavesNoTrace) {
  const SharedBase first = stored(kFive);
  Steering node;
  const Plan before = committed(node, kFive, first);
  committed(node, kFour, first);
  const Plan after = committed(node, kFive, first);
  EXPECT_EQ(after.digest, before.digest);
}

TEST(BaseTable, ARestartedControlAgreesWithTheOthersAndMovesNothing) {
  const SharedBase second = stored(kSix, stored(kFive));
  Steering node;
  const Plan plan = committed(node, kSix, second);
  const std::unique_ptr<std::byte, decltype(&std::free)> bytes{
      static_cast<std::byte*>(std::aligned_alloc(64, kCapacity)), &std::free};
  ASSERT_TRUE(encode(plan, 1, 1, {bytes.get(), kCapacity}));
  Steering restored = *Steering::restore(*steer::TableView::attach(bytes.get(), kCapacity), 0);

  const Plan again = committed(restored, kSix, second);
  EXPECT_EQ(again.digest, plan.digest);
  EXPECT_EQ(again.pools[0].slots_moved, 0u);
  PoolIntent heavier = kSix;
  heavier.backends[0].weight = 300;
  EXPECT_EQ(committed(restored, heavier, second).digest, committed(node, heavier, second).digest);
}

TEST(BaseTable, ANewAddressMovesNoSlotToAnotherId) {
  const SharedBase base = stored(kFive);
  Steering node;
  const Plan before = committed(node, kFive, base);
  PoolIntent moved = kFive;
  moved.vip.backends[1].address = net::IpAddr::v4(10, 0, 0, 99);
  moved.vip.backends[3].address = net::IpAddr::v4(10, 0, 0, 98);
  EXPECT_EQ(committed(node, moved, base).tables[0]->meaning, before.tables[0]->meaning);
}

TEST(BaseTable, AVipThatWasLargeKeepsItsSizeOnNodesThatComeLater) {
  PoolIntent free_size = pool({"b1", "b2"}, 0);
  BaseTable large = *stored(pool({"b1", "b2"}, 131101));
  Steering joins;
  const Plan plan =
      committed(joins, free_size, std::make_shared<const BaseTable>(std::move(large)));
  EXPECT_EQ(plan.pools[0].table_size, 131101u);
  free_size.vip.table_size = 509;
  EXPECT_EQ(committed(joins, free_size, stored(free_size)).pools[0].table_size, 509u);
}

TEST(BaseTable, BytesSayWhatTheBaseSays) {
  PoolIntent weighed = kFive;
  weighed.vip.backends[2].weight = 0;
  weighed.vip.backends[4].weight = 10000;
  PoolIntent nobody = pool({"b1"});
  nobody.vip.backends[0].weight = 0;
  std::vector<std::string> many;
  for (int i = 0; i < 300; ++i) many.push_back("b" + std::to_string(i));
  for (const PoolIntent& p :
       {weighed, nobody, pool({}), pool({"b1"}), pool({"b1", "b2"}), pool(many, 32749)}) {
    const SharedBase base = stored(p);
    const std::string bytes = to_bytes(*base);
    const auto read = base_from_bytes(bytes);
    ASSERT_TRUE(read) << read.error().what;
    EXPECT_TRUE(*read == *base);
    EXPECT_TRUE(read->fits(base_shape(p.vip)));
  }
  EXPECT_EQ(
      to_bytes(*stored(pool({"b1", "b2"}, 251))).substr(0, 26), "1 251 2 251\n100 b1\n100 b2\n"
  );
}

TEST(BaseTable, WhatIsDamagedIsRefused) {
  const std::string good = to_bytes(*stored(pool({"b1", "b2", "b3"}, 251)));
  const auto with = [&](const std::string& old, const std::string& fresh) {
    std::string text = good;
    return text.replace(text.find(old), old.size(), fresh);
  };
  std::string outside = good;
  outside.back() = '\xff';  // owner 3 of 3
  for (const std::string& bad :
       {std::string(),
        std::string("1 251"),
        good.substr(0, good.size() - 1),
        good + "x",
        outside,
        with("1 251", "2 251"),
        with("1 251", "1 252"),
        with("3 251", "3 99999999"),
        with("3 251", "4000000000 251"),
        with("100 b1", "10001 b1"),
        with("100 b1", "100 b2"),
        with("100 b1", "-1 b1")})
    EXPECT_FALSE(base_from_bytes(bad)) << bad.substr(0, 40);
}

}  // namespace
}  // namespace fairlead::steering
