// SPDX-License-Identifier: BSD-3-Clause
// Vips whose pools are equal have one table, until they are not.
#include <cstdlib>
#include <memory>
#include <set>
#include <stdexcept>

#include <gtest/gtest.h>

#include "control/steering/steering.hh"

namespace fairlead::steering {
namespace {

constexpr std::size_t kCapacity = 1 << 20;

/// Vips v0, v1, ... each with backends b1 to b5; every other one lists them in another order.
std::vector<PoolIntent> vips(std::size_t count) {
  std::vector<PoolIntent> out;
  for (std::size_t v = 0; v < count; ++v) {
    PoolIntent intent;
    intent.vip.name = "v" + std::to_string(v);
    intent.vip.prefix = {net::IpAddr::v4(203, 0, 113, static_cast<std::uint8_t>(v)), 32};
    intent.vip.port = 80;
    intent.vip.table_size = 1021;
    for (std::uint8_t i = 1; i <= 5; ++i) {
      model::Backend b;
      const std::uint8_t number = v % 2 == 0 ? i : 6 - i;
      b.id = "b" + std::to_string(number);
      b.address = net::IpAddr::v4(10, 0, 0, number);
      intent.vip.backends.push_back(b);
      intent.backends.push_back({100, 0, FL_MEMBER_ACTIVE});
    }
    out.push_back(std::move(intent));
  }
  return out;
}

BackendIntent& backend(PoolIntent& pool, const std::string& id) {
  for (std::size_t i = 0; i < pool.backends.size(); ++i)
    if (pool.vip.backends[i].id == id) return pool.backends[i];
  throw std::invalid_argument(id);
}

void weigh(std::vector<PoolIntent>& pools, const std::string& id, std::uint32_t weight) {
  for (PoolIntent& pool : pools) backend(pool, id).weight = weight;
}

/// Plans, commits, encodes and attaches, as control and a worker would.
class Generations {
 public:
  Plan next(const std::vector<PoolIntent>& pools) {
    Plan plan = steering_.plan(pools, {}, 0).value();
    steering_.commit(plan);
    EXPECT_TRUE(encode(plan, ++generation_, 1, {bank_.get(), kCapacity}));
    return plan;
  }
  [[nodiscard]] steer::TableView view() const {
    return steer::TableView::attach(bank_.get(), kCapacity).value();
  }
  void restart() { steering_ = Steering::restore(view(), 0).value(); }

 private:
  std::unique_ptr<std::byte, decltype(&std::free)> bank_{
      static_cast<std::byte*>(std::aligned_alloc(64, kCapacity)), &std::free};
  Steering steering_;
  std::uint64_t generation_ = 0;
};

std::size_t tables_in(const Plan& plan) {
  return std::set(plan.tables.begin(), plan.tables.end()).size();
}

std::size_t tables_in(const steer::TableView& view) {
  std::set<std::uint32_t> lines;
  for (const fl_vip& vip : view.vips()) lines.insert(vip.slots_line);
  return lines.size();
}

/// By slot: ids of owners in a vip, as a worker would find them.
std::vector<std::string> owners(const steer::TableView& view, std::size_t position) {
  const steer::Names names = steer::read_names(view);
  const fl_vip& vip = view.vips()[position];
  std::vector<std::string> out;
  for (std::uint32_t s = 0; s < vip.table_size; ++s) {
    const fl_member& member = view.member(view.slot(vip, s));
    EXPECT_EQ(member.vip, vip.vip);
    out.emplace_back(names.backend(member.backend));
  }
  return out;
}

TEST(EqualPools, HaveOneTableThroughWhateverHappensToAll) {
  Generations generations;
  auto pools = vips(10);
  EXPECT_EQ(tables_in(generations.next(pools)), 1U);
  for (const std::uint32_t weight : {50U, 300U, 0U, 70U}) {
    weigh(pools, "b2", weight);
    for (PoolIntent& pool : pools)
      backend(pool, "b4").state = weight == 300 ? FL_MEMBER_DOWN : FL_MEMBER_ACTIVE;

    EXPECT_EQ(tables_in(generations.next(pools)), 1U) << weight;
    EXPECT_EQ(tables_in(generations.view()), 1U) << weight;
    EXPECT_EQ(owners(generations.view(), 0), owners(generations.view(), 9));
  }
  for (PoolIntent& pool : pools) pool.vip.table_size = 2039;
  EXPECT_EQ(tables_in(generations.next(pools)), 1U);
}

TEST(EqualPools, SteerAsVipsWithTablesOfTheirOwnDo) {
  Generations together;
  auto pools = vips(2);
  together.next(pools);
  weigh(pools, "b2", 20);
  const Plan plan = together.next(pools);

  for (std::size_t v = 0; v < 2; ++v) {
    Generations alone;
    auto own = std::vector<PoolIntent>{vips(2)[v]};
    alone.next(own);
    weigh(own, "b2", 20);
    EXPECT_EQ(alone.next(own).pools[0].slots_moved, plan.pools[v].slots_moved);
    EXPECT_EQ(owners(alone.view(), 0), owners(together.view(), v));
  }
}

TEST(EqualPools, OneThatBecomesDifferentMovesOnlyWhatItsOwnChangeMoves) {
  Generations generations;
  auto pools = vips(4);
  const Plan before = generations.next(pools);
  const auto then = owners(generations.view(), 1);
  backend(pools[1], "b3").state = FL_MEMBER_DRAINING;

  const Plan after = generations.next(pools);

  EXPECT_EQ(tables_in(after), 2U);
  EXPECT_EQ(after.tables[0], before.tables[0]) << "the very table";
  EXPECT_EQ(after.tables[3], before.tables[3]);
  EXPECT_EQ(after.pools[1].slots_moved, before.backends(1)[2].slots);
  EXPECT_EQ(after.pools[0].slots_moved, 0U);
  const auto now = owners(generations.view(), 1);
  for (std::size_t s = 0; s < now.size(); ++s)
    EXPECT_TRUE(now[s] == then[s] || then[s] == "b3") << s;
}

TEST(EqualPools, AreOneAgainWhenTheSameHasHappenedToThem) {
  Generations generations;
  auto pools = vips(3);
  generations.next(pools);
  for (const fl_member_state state : {FL_MEMBER_DOWN, FL_MEMBER_ACTIVE}) {
    for (std::size_t v = 0; v < pools.size(); ++v) {  // one's probe fails before another's
      backend(pools[v], "b3").state = state;
      EXPECT_EQ(tables_in(generations.next(pools)), v + 1 < pools.size() ? 2U : 1U);
    }
  }
  weigh(pools, "b1", 30);
  EXPECT_EQ(tables_in(generations.next(pools)), 1U);
}

TEST(EqualPools, AreStillOneAfterARestart) {
  Generations generations;
  auto pools = vips(5);
  generations.next(pools);
  weigh(pools, "b2", 20);
  backend(pools[4], "b5").state = FL_MEMBER_DOWN;
  const Plan before = generations.next(pools);
  ASSERT_EQ(tables_in(before), 2U);

  generations.restart();
  const Plan same = generations.next(pools);
  EXPECT_FALSE(same.changed);
  EXPECT_EQ(tables_in(same), 2U);
  EXPECT_EQ(same.digest, before.digest);
  weigh(pools, "b2", 120);
  EXPECT_EQ(tables_in(generations.next(pools)), 2U);
}

TEST(EqualPools, TakeTheRoomOfOneTableInABank) {
  Generations generations;
  generations.next(vips(1));
  const std::uint32_t one = generations.view().bank().used_bytes;
  generations.next(vips(50));
  const std::uint32_t fifty = generations.view().bank().used_bytes;

  const std::uint32_t table = 1021 * sizeof(std::uint32_t);
  EXPECT_LT(fifty - one, 49 * (sizeof(fl_vip) + 5 * sizeof(fl_member) + 256));
  EXPECT_LT(fifty - one, 49 * table / 3);
}

}  // namespace
}  // namespace fairlead::steering
