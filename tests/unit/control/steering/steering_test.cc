// SPDX-License-Identifier: BSD-3-Clause
// Plans: stable numbers, nothing changed without commit, round trip through a bank, loud refusals.
#include "control/steering/steering.hh"

#include <cstdlib>
#include <cstring>
#include <memory>

#include <gtest/gtest.h>

namespace fairlead::steering {
namespace {

using base::kSecond;

constexpr std::size_t kCapacity = 1 << 20;
constexpr base::Nanoseconds kHold = 330 * kSecond;  // longest default time-out and margin

PoolIntent pool(
    const std::string& name, std::uint8_t last_byte, const std::vector<std::string>& ids
) {
  PoolIntent intent;
  intent.vip.name = name;
  intent.vip.prefix = {net::IpAddr::v4(203, 0, 113, last_byte), 32};
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

Plan planned(
    const Steering& steering, const std::vector<PoolIntent>& pools, base::Nanoseconds now = 0
) {
  auto plan = steering.plan(pools, {}, now);
  EXPECT_TRUE(plan) << plan.error().what;
  return std::move(*plan);
}

Plan committed(
    Steering& steering, const std::vector<PoolIntent>& pools, base::Nanoseconds now = 0
) {
  Plan plan = planned(steering, pools, now);
  steering.commit(plan);
  return plan;
}

std::string refusal(const std::vector<PoolIntent>& pools) {
  const auto plan = Steering().plan(pools, {}, 0);
  return plan ? "accepted" : plan.error().what;
}

TEST(Steering, PlanChangesNothingUntilCommitted) {
  Steering steering;
  committed(steering, {pool("web", 10, {"b1", "b2"})});

  planned(steering, {pool("other", 11, {"b9"})});

  EXPECT_EQ(steering.vip_number("web"), 0u);
  EXPECT_FALSE(steering.vip_number("other"));
  EXPECT_FALSE(planned(steering, {pool("web", 10, {"b1", "b2"})}).changed);
}

TEST(Steering, NumbersStayWhenOrderAndCompanyChange) {
  Steering steering;
  const Plan before =
      committed(steering, {pool("web", 10, {"b1", "b2", "b3"}), pool("api", 11, {"b2"})});

  const Plan after =
      planned(steering, {pool("api", 11, {"b2"}), pool("web", 10, {"b3", "b4", "b1"})});

  EXPECT_EQ(after.pools[0].vip, before.pools[1].vip);
  EXPECT_EQ(after.backends(0)[0].member, before.backends(1)[0].member);
  EXPECT_EQ(after.backends(1)[0].member, before.backends(0)[2].member);
  EXPECT_EQ(after.backends(1)[2].member, before.backends(0)[0].member);
  EXPECT_EQ(after.backends(0)[0].backend, 1u) << "b2 is one backend in both pools";
}

TEST(Steering, AFreedNumberIsReusedOnlyAfterAllFlowsTimedOut) {
  Steering steering;
  const Plan before = committed(steering, {pool("web", 10, {"b1", "b2"})});
  const std::uint32_t freed = before.backends(0)[1].member;
  const Plan gone = committed(steering, {pool("web", 10, {"b1"})}, kSecond);
  EXPECT_EQ((*gone.members)[freed].state, FL_MEMBER_FREE);

  const Plan early = planned(steering, {pool("web", 10, {"b1", "b5"})}, kHold);
  const Plan late = planned(steering, {pool("web", 10, {"b1", "b5"})}, kHold + kSecond);

  EXPECT_NE(early.backends(0)[1].member, freed);
  EXPECT_EQ(late.backends(0)[1].member, freed);
}

TEST(Steering, ANewAddressIsANewMember) {
  Steering steering;
  auto pools = std::vector<PoolIntent>{pool("web", 10, {"b1", "b2"})};
  const Plan before = committed(steering, pools);
  pools[0].vip.backends[0].address = net::IpAddr::v4(10, 9, 9, 9);

  const Plan after = planned(steering, pools, kSecond);

  EXPECT_NE(after.backends(0)[0].member, before.backends(0)[0].member);
  EXPECT_EQ(after.backends(0)[0].backend, before.backends(0)[0].backend);
}

TEST(Steering, DownAndDrainingBackendsOwnNoSlots) {
  Steering steering;
  auto pools = std::vector<PoolIntent>{pool("web", 10, {"b1", "b2", "b3"})};
  const Plan before = committed(steering, pools);
  pools[0].backends[0].state = FL_MEMBER_DOWN;
  pools[0].backends[1].state = FL_MEMBER_DRAINING;

  const Plan after = planned(steering, pools, kSecond);

  EXPECT_EQ(after.backends(0)[2].slots, 1021u);
  EXPECT_EQ(after.pools[0].slots_moved, before.backends(0)[0].slots + before.backends(0)[1].slots);
  EXPECT_EQ(after.backends(0)[0].slots_before, before.backends(0)[0].slots);
  EXPECT_EQ((*after.members)[after.backends(0)[1].member].state, FL_MEMBER_DRAINING);
}

TEST(Steering, NobodyUsableMakesAnEmptyTableAndItFillsAgain) {
  Steering steering;
  auto pools = std::vector<PoolIntent>{pool("web", 10, {"b1"}), pool("none", 11, {})};
  pools[0].backends[0].state = FL_MEMBER_DOWN;
  Bank bank;

  const Plan down = committed(steering, pools);
  EXPECT_EQ(down.pools[0].table_size, 0u);
  EXPECT_EQ(bank.put(down, 1).vips().size(), 2u);
  pools[0].backends[0].state = FL_MEMBER_ACTIVE;

  EXPECT_EQ(planned(steering, pools).backends(0)[0].slots, 1021u);
}

TEST(Steering, APoolThatStaysKeepsItsVeryTable) {
  Steering steering;
  auto pools = std::vector<PoolIntent>{pool("web", 10, {"b1", "b2"}), pool("api", 11, {"b2"})};
  const Plan before = committed(steering, pools);
  pools[0].backends[0].weight = 300;

  const Plan after = planned(steering, pools);

  EXPECT_TRUE(after.changed);
  EXPECT_NE(after.tables[0], before.tables[0]);
  EXPECT_EQ(after.tables[1], before.tables[1]) << "the same object: not built, not copied";
  EXPECT_EQ(after.pools[1].slots_moved, 0u);
  EXPECT_EQ(after.backends(1)[0].slots, 1021u);
  EXPECT_EQ(after.backends(1)[0].slots_before, 1021u);
}

TEST(Steering, ATableIsBuiltAnewForWhateverItDependsOn) {
  const auto base = std::vector<PoolIntent>{pool("web", 10, {"b1", "b2", "b3"})};
  const auto changes = std::vector<void (*)(PoolIntent&)>{
      [](PoolIntent& p) { p.backends[1].weight = 50; },
      [](PoolIntent& p) { p.backends[1].weight = 0; },
      [](PoolIntent& p) { p.backends[1].state = FL_MEMBER_DOWN; },
      [](PoolIntent& p) { p.backends[1].state = FL_MEMBER_DRAINING; },
      [](PoolIntent& p) { p.vip.table_size = 2039; },
      [](PoolIntent& p) { p.vip.backends[1].id = "b9"; },
      [](PoolIntent& p) { p.vip.backends.pop_back(), p.backends.pop_back(); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Steering steering;
    const Plan before = committed(steering, base);
    auto pools = base;
    changes[i](pools[0]);

    const Plan after = committed(steering, pools);

    EXPECT_TRUE(after.changed) << "change " << i;
    EXPECT_NE(after.tables[0]->slots, before.tables[0]->slots) << "change " << i;
    EXPECT_FALSE(planned(steering, pools).changed) << "change " << i;
  }
}

TEST(Steering, WhatATableDoesNotDependOnStillChangesTheGeneration) {
  const auto base = std::vector<PoolIntent>{pool("web", 10, {"b1", "b2"})};
  const auto changes = std::vector<void (*)(PoolIntent&)>{
      [](PoolIntent& p) { p.vip.choices = 2; },
      [](PoolIntent& p) { p.vip.encapsulation = model::Encapsulation::kGue; },
      [](PoolIntent& p) { p.backends[0].inverse_weight = 77; },
      [](PoolIntent& p) {
        p.vip.backends[0].mac = net::MacAddr{{2, 0, 0, 0, 0, 1}};
      },
      [](PoolIntent& p) { p.vip.backends[1].address = net::IpAddr::v4(10, 9, 9, 9); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Steering steering;
    const Plan before = committed(steering, base);
    auto pools = base;
    changes[i](pools[0]);

    const Plan after = planned(steering, pools);

    EXPECT_TRUE(after.changed) << "change " << i;
    EXPECT_EQ(after.tables[0], before.tables[0]) << "change " << i;
  }
}

TEST(Steering, DigestIsEqualForEqualMeaningOnly) {
  Steering one;
  Steering two;
  committed(two, {pool("old", 9, {"b7", "b8"})});  // another history, so other numbers
  auto pools = std::vector<PoolIntent>{pool("web", 10, {"b1", "b2"}), pool("api", 11, {"b2"})};
  const auto turned =
      std::vector<PoolIntent>{pool("api", 11, {"b2"}), pool("web", 10, {"b2", "b1"})};

  const std::uint64_t digest = planned(one, pools).digest;

  EXPECT_EQ(planned(two, turned, kSecond).digest, digest);
  pools[0].backends[0].inverse_weight = 77;
  EXPECT_EQ(planned(one, pools).digest, digest) << "scores are no part of it";
  pools[0].backends[0].weight = 99;
  EXPECT_NE(planned(one, pools).digest, digest);
}

TEST(Steering, BankSaysWhatThePlanSays) {
  NodeIntent node;
  node.hash_key = {1, 2};
  node.address4 = net::IpAddr::v4(192, 0, 2, 11);
  Bank bank;
  const Plan plan = *Steering().plan({pool("web", 10, {"b1", "b2"})}, node, 0);

  const steer::TableView view = bank.put(plan, 5);

  EXPECT_EQ(view.generation(), 5u);
  EXPECT_EQ(view.digest(), plan.digest);
  EXPECT_EQ(view.hash_key()[1], 2u);
  EXPECT_EQ(view.bank().node_address4[3], 11);
  EXPECT_EQ(view.vips()[0].active_members, 2u);
  EXPECT_EQ(
      std::vector<std::uint32_t>(
          view.slots(view.vips()[0]).begin(), view.slots(view.vips()[0]).end()
      ),
      plan.tables[0]->slots
  );
  EXPECT_EQ(steer::read_names(view).vip(0), "web");
  EXPECT_EQ(view.member(0).inverse_weight, (1u << 20) / 100);
  EXPECT_EQ(view.member(0).protocol, 6);
}

TEST(Steering, RestoredSteeringGoesOnAsIfNothingHappened) {
  Steering steering;
  const auto first =
      std::vector<PoolIntent>{pool("web", 10, {"b1", "b2", "b3"}), pool("api", 11, {"b2"})};
  const auto second =
      std::vector<PoolIntent>{pool("web", 10, {"b1", "b3"}), pool("api", 11, {"b2", "b4"})};
  committed(steering, first);
  Bank bank;
  const steer::TableView view = bank.put(committed(steering, second, kSecond), 2);

  const auto restored = Steering::restore(view, 2 * kSecond);

  ASSERT_TRUE(restored) << restored.error().what;
  const Plan same = planned(*restored, second, 3 * kSecond);
  EXPECT_FALSE(same.changed);
  EXPECT_EQ(same.pools[0].slots_moved, 0u);
  auto next = second;
  next[0].backends[0].weight = 50;
  next[1].vip.backends.push_back(first[0].vip.backends[1]);
  next[1].vip.backends.back().id = "b6";
  next[1].backends.push_back({100, 0, FL_MEMBER_ACTIVE});
  const Plan a = planned(steering, next, 3 * kSecond);
  const Plan b = planned(*restored, next, 3 * kSecond);
  for (std::size_t i = 0; i < a.tables.size(); ++i)
    EXPECT_EQ(a.tables[i]->slots, b.tables[i]->slots);
  EXPECT_EQ(a.digest, b.digest);
}

TEST(Steering, NumbersFreedBeforeARestartAreHeldAfterIt) {
  Steering steering;
  committed(steering, {pool("web", 10, {"b1", "b2"})});
  Bank bank;
  const steer::TableView view =
      bank.put(committed(steering, {pool("web", 10, {"b1"})}, kSecond), 2);

  const Steering restored = *Steering::restore(view, 100 * kSecond);

  const auto wanted = std::vector<PoolIntent>{pool("web", 10, {"b1", "b5"})};
  EXPECT_EQ(planned(restored, wanted, 100 * kSecond + kHold - 1).backends(0)[1].member, 2u);
  EXPECT_EQ(planned(restored, wanted, 100 * kSecond + kHold).backends(0)[1].member, 1u);
}

TEST(Steering, RestoreOfNothingIsAFreshStart) {
  const auto restored = Steering::restore({}, 0);
  ASSERT_TRUE(restored);
  EXPECT_TRUE(planned(*restored, {}).changed);
}

TEST(Steering, EncodeRefusesWhatDoesNotFitAndTouchesNothing) {
  Bank bank;
  std::memset(bank.bytes.get(), 0x5a, kCapacity);
  const Plan plan = *Steering().plan({pool("web", 10, {"b1"})}, {}, 0);

  const auto refused = encode(plan, 1, 1, {bank.bytes.get(), 4096});

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::ErrorCode::kResourceExhausted);
  EXPECT_NE(refused.error().what.find("raise memory.steering_bank"), std::string::npos);
  for (std::size_t i = 0; i < 8192; ++i) ASSERT_EQ(bank.bytes.get()[i], std::byte{0x5a});
}

TEST(Steering, ManyVipsOfOnePortAreAllFound) {
  std::vector<PoolIntent> pools;
  for (unsigned i = 0; i < 500; ++i) {
    pools.push_back(pool("v" + std::to_string(i), 0, {"b1"}));
    pools.back().vip.prefix.address =
        net::IpAddr::v4(10, 1, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i));
    pools.back().vip.table_size = 251;
  }
  Bank bank;
  const steer::TableView view = bank.put(*Steering().plan(pools, {}, 0), 1);

  for (const PoolIntent& p : pools) {
    std::uint64_t low = 0;
    std::memcpy(&low, p.vip.prefix.address.bytes.data(), 8);
    ASSERT_NE(view.find_vip(low, 0, 4, 6, __builtin_bswap16(80)), nullptr) << p.vip.name;
  }
}

TEST(Steering, RefusesPoolsThatCannotBeToldApart) {
  EXPECT_EQ(refusal({pool("web", 10, {}), pool("web", 11, {})}), "vip web is listed twice");
  EXPECT_EQ(
      refusal({pool("web", 10, {}), pool("api", 10, {})}),
      "vip api: 203.0.113.10 port 80 belongs to another vip already"
  );
  EXPECT_EQ(refusal({pool("web", 10, {"b1", "b1"})}), "vip web: backend b1 is listed twice");
}

TEST(Steering, RefusesWhatIsOutOfRange) {
  auto bad = pool("web", 10, {"b1"});
  bad.backends[0].weight = 10001;
  EXPECT_EQ(refusal({bad}), "vip web: backend b1: weight 10001 is above 10000");
  bad = pool("web", 10, {"b1"});
  bad.vip.table_size = 65536;
  EXPECT_NE(refusal({bad}).find("vip web: table_size 65536 is not one of 251"), std::string::npos);
  bad = pool("web", 10, {"b1"});
  bad.vip.choices = 5;
  EXPECT_EQ(refusal({bad}), "vip web: choices is 5, must be 1 to 4");
  bad = pool("", 10, {});
  EXPECT_NE(refusal({bad}).find("a name has 1 to 255 bytes"), std::string::npos);
  bad = pool("web", 10, {"b1"});
  bad.vip.protocol = net::IpProto::kIcmp;
  EXPECT_EQ(refusal({bad}), "vip web: protocol must be tcp or udp");
  std::vector<std::string> many;
  for (int i = 0; i < 252; ++i) many.push_back("b" + std::to_string(i));
  bad = pool("web", 10, many);
  bad.vip.table_size = 251;
  EXPECT_EQ(refusal({bad}), "vip web: 252 backends do not fit a table of 251 slots");
}

TEST(Steering, NineShapesAreRefused) {
  std::vector<PoolIntent> pools;
  for (int length = 20; length < 29; ++length) {
    pools.push_back(pool("p" + std::to_string(length), 10, {}));
    pools.back().vip.prefix.length = length;
  }
  EXPECT_NE(refusal(pools).find("vip p28: the ninth combination"), std::string::npos);
}

TEST(Steering, MoreBackendsThanTheLayoutHasAreRefused) {
  std::vector<std::string> many;
  for (unsigned i = 0; i <= FL_MAX_BACKENDS; ++i) many.push_back("b" + std::to_string(i));
  auto big = pool("web", 10, many);
  big.vip.table_size = 0;
  EXPECT_NE(refusal({big}).find("backend b4096: all 4096 numbers are in use"), std::string::npos);
}

}  // namespace
}  // namespace fairlead::steering
