// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/path/candidates.hh"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/steer/score.h"
#include "tests/testing/test_bank.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::path {
namespace {

using testing::TestBank;
using testing::TestMember;
using testing::TestWorker;

testing::TestTable pool(unsigned backends, std::uint8_t choices) {
  testing::TestTable table;
  std::vector<TestMember> members;
  for (unsigned i = 0; i < backends; ++i)
    members.push_back({.address = "10.0.1." + std::to_string(i + 1), .backend = i});
  table.vips = {
      {.prefix = "203.0.113.20",
       .encapsulation = FL_ENCAP_GUE,
       .choices = choices,
       .members = members}};
  return table;
}

std::uint64_t hash_of(std::uint64_t flow) {
  return (flow + 1) * 0x9e3779b97f4a7c15ULL;
}

struct World {
  explicit World(const testing::TestTable& table) : bank(table) { worker.use(bank.view()); }
  std::uint32_t choose(std::uint64_t flow, bool use_external = false) {
    return choose_backend(worker.context(), {&vip(), hash_of(flow), true, false}, use_external);
  }
  const fl_vip& vip() { return bank.view().vips()[0]; }
  TestBank bank;
  TestWorker worker;
};

std::vector<std::string> asked(World& w, std::uint64_t flow) {
  const std::uint32_t first = first_candidate(w.bank.view(), w.vip(), hash_of(flow));
  std::array<const fl_member*, FL_GUE_MAX_HOPS> others;
  const unsigned count =
      others_to_ask(w.bank.view(), w.vip(), hash_of(flow), w.bank.view().member(first), others);
  std::vector<std::string> out;
  for (unsigned i = 0; i < count; ++i) out.push_back("b" + std::to_string(others[i]->backend));
  return out;
}

TEST(Candidates, OneChoiceIsPlainMaglev) {
  World w(pool(5, 1));
  for (std::uint64_t flow = 0; flow < 100; ++flow) {
    const std::uint32_t slot = fl_candidate_slot(hash_of(flow), 0, w.vip().table_size);
    EXPECT_EQ(w.bank.view().slot(w.vip(), slot), w.choose(flow));
  }
}

TEST(Candidates, TheSmallestScoreWins) {
  World w(pool(2, 4));
  w.worker.page().backends[0].in_flight = 10;
  unsigned busy = 0;
  for (std::uint64_t flow = 0; flow < 200; ++flow) busy += w.choose(flow) == 0;

  // Only flows whose four candidates are all the busy one: 1 in 16.
  EXPECT_LT(busy, 30U);
}

TEST(Candidates, AHeavierBackendMayHaveMoreInFlight) {
  testing::TestTable table = pool(2, 4);
  table.vips[0].members[0].inverse_weight = 100;
  table.vips[0].members[1].inverse_weight = 1000;
  World w(table);
  w.worker.page().backends[0].in_flight = 5;
  unsigned heavy = 0;
  for (std::uint64_t flow = 0; flow < 200; ++flow) heavy += w.choose(flow) == 0;

  EXPECT_GT(heavy, 170U);
}

TEST(Candidates, ScoresOfControlReplaceTheTablesWeights) {
  World w(pool(2, 4));
  const auto scores = std::make_unique<fl_scores>();
  scores->score[0][0] = {.inverse_weight = 5000, .external = 0};
  w.worker.context().scores = scores.get();
  unsigned light = 0;
  for (std::uint64_t flow = 0; flow < 200; ++flow) light += w.choose(flow) == 0;

  EXPECT_LT(light, 30U);
}

TEST(Candidates, ABackendThatControlCallsFullGetsNothing) {
  World w(pool(3, 2));
  const auto scores = std::make_unique<fl_scores>();
  scores->score[0][1].inverse_weight = 0xffffffff;
  w.worker.context().scores = scores.get();

  for (std::uint64_t flow = 0; flow < 500; ++flow) EXPECT_NE(1U, w.choose(flow));
}

TEST(Candidates, OtherNodesFlowsCountWhileTheyAreFresh) {
  World w(pool(2, 4));
  const auto scores = std::make_unique<fl_scores>();
  scores->score[0][0].external = 50;
  scores->updated_ns = w.worker.context().now;
  w.worker.context().scores = scores.get();
  EXPECT_TRUE(external_counts_fresh(w.worker.context()));
  unsigned busy = 0;
  for (std::uint64_t flow = 0; flow < 200; ++flow) busy += w.choose(flow, true) == 0;
  EXPECT_LT(busy, 30U);

  w.worker.advance(FL_SCORES_STALE_NS);

  EXPECT_FALSE(external_counts_fresh(w.worker.context()));
}

TEST(Candidates, AFreeCoreOfAFasterBackendIsTakenBeforeAnIdleSlowOne) {
  World w(pool(2, 4));
  for (const std::uint32_t number : {0U, 1U}) {
    auto& member = const_cast<fl_member&>(w.bank.view().member(number));  // the bank is ours
    member.inverse_weight = number == 0 ? 1000 : 2000;
    fl_set_member_parallel(&member, 4);
  }
  const auto fast = [&] {
    unsigned count = 0;
    for (std::uint64_t flow = 0; flow < 200; ++flow) count += w.choose(flow) == 0;
    return count;
  };

  w.worker.page().backends[0].in_flight = 3;
  EXPECT_GT(fast(), 170U);
  w.worker.page().backends[0].in_flight = 8;
  EXPECT_LT(fast(), 30U);
}

TEST(Score, IsAPredictedFinishingTime) {
  // Unknown parallelism: shortest expected delay.
  EXPECT_EQ(fl_score_value(2, 0, 100), 2 * fl_score_value(1, 0, 100));
  // Cores are free: a third of the slope. Queueing: all of it, and the same for any core count.
  EXPECT_EQ(fl_score_value(2, 4, 100) - fl_score_value(1, 4, 100), 100U);
  EXPECT_EQ(fl_score_value(9, 4, 100) - fl_score_value(8, 4, 100), 300U);
  EXPECT_EQ(fl_score_value(8, 4, 100), fl_score_value(8, 0, 100));
  // The extremes of the record do not overflow.
  EXPECT_GT(fl_score_value(1U << 25, 255, 0x80000000U), fl_score_value(1U << 24, 255, 0x80000000U));
}

TEST(Score, ARequestWaitsWhereNoCoreIsFree) {
  EXPECT_FALSE(fl_waits(4, 4));
  EXPECT_TRUE(fl_waits(5, 4));
  // Unknown: it is not alone.
  EXPECT_FALSE(fl_waits(1, 0));
  EXPECT_TRUE(fl_waits(2, 0));
}

/// Slot s is backend s modulo the pool, so the reserves of a flow are known: the next ones.
World with_known_reserves(std::uint32_t busy) {
  testing::TestTable table = pool(40, 3);
  for (std::uint32_t i = 0; i < testing::kTestSlots; ++i) table.vips[0].slots.push_back(i % 40);
  World w(table);
  for (std::uint32_t b = 0; b < 40; ++b) w.worker.page().backends[b].in_flight = busy;
  return w;
}

std::uint32_t behind_first(World& w, std::uint64_t flow, std::uint32_t step) {
  const std::uint32_t slot = fl_candidate_slot(hash_of(flow), 0, w.vip().table_size) + step;
  return w.bank.view().slot(w.vip(), slot % w.vip().table_size);
}

TEST(Reserves, TakeAFlowThatWouldWaitAtItsCandidates) {
  for (std::uint64_t flow = 0; flow < 100; ++flow)
    for (const std::uint32_t step : {1U, 2U}) {
      World w = with_known_reserves(5);
      const std::uint32_t free = behind_first(w, flow, step);
      w.worker.page().backends[free].in_flight = 0;
      EXPECT_EQ(w.choose(flow), free);
    }
}

TEST(Reserves, AreTwoBehindThreeCandidates) {
  unsigned beyond = 0;
  for (std::uint64_t flow = 0; flow < 100; ++flow) {
    World w = with_known_reserves(5);
    const std::uint32_t free = behind_first(w, flow, 3);
    w.worker.page().backends[free].in_flight = 0;
    beyond += w.choose(flow) == free;
  }
  EXPECT_LT(beyond, 20U);  // where it is a candidate by chance
}

TEST(Reserves, AreNotLookedAtWhileACandidateHasACoreFree) {
  for (std::uint64_t flow = 0; flow < 100; ++flow) {
    World w = with_known_reserves(3);
    for (std::uint32_t b = 0; b < 40; ++b)
      fl_set_member_parallel(const_cast<fl_member*>(&w.bank.view().member(b)), 4);
    w.worker.page().backends[behind_first(w, flow, 1)].in_flight = 0;
    const std::uint32_t taken = w.choose(flow);
    bool candidate = false;
    for (std::uint32_t c = 0; c < 3; ++c)
      candidate |=
          taken ==
          w.bank.view().slot(w.vip(), fl_candidate_slot(hash_of(flow), c, w.vip().table_size));
    EXPECT_TRUE(candidate);
  }
}

TEST(Reserves, OfTheOnlyNodeAreManyAndAnotherNodeAsksAfterTheFirstOfThem) {
  for (std::uint64_t flow = 0; flow < 100; ++flow) {
    testing::TestTable table = pool(40, 3);
    table.vips[0].flags = FL_VIP_ONLY_NODE;
    for (std::uint32_t i = 0; i < testing::kTestSlots; ++i) table.vips[0].slots.push_back(i % 40);
    World w(table);
    auto& backends = w.worker.page().backends;
    for (std::uint32_t b = 0; b < 40; ++b) backends[b].in_flight = 5;
    const std::uint32_t last = behind_first(w, flow, 16);
    backends[last].in_flight = 0;
    EXPECT_EQ(w.choose(flow), last);
    const auto list = asked(w, flow);
    EXPECT_NE(std::find(list.begin(), list.end(), "b" + std::to_string(last)), list.end())
        << "a node that comes later asks so far";
  }
}

TEST(Reserves, OfTheOnlyNodeTakeTurns) {
  for (std::uint64_t flow = 0; flow < 100; ++flow) {
    testing::TestTable table = pool(40, 3);
    table.vips[0].flags = FL_VIP_ONLY_NODE;
    for (std::uint32_t i = 0; i < testing::kTestSlots; ++i) table.vips[0].slots.push_back(i % 40);
    World w(table);
    for (std::uint32_t b = 0; b < 40; ++b) {
      auto& backend = w.worker.page().backends[b];
      backend.in_flight = 5;
      backend.pending_since_ns = 100;
    }
    const std::uint32_t longest = behind_first(w, flow, 7);
    w.worker.page().backends[longest].pending_since_ns = 99;
    EXPECT_EQ(w.choose(flow), longest);
  }
}

TEST(Reserves, HaveToBeGood) {
  const auto scores = std::make_unique<fl_scores>();
  for (std::uint64_t flow = 0; flow < 100; ++flow) {
    World w = with_known_reserves(5);
    const std::uint32_t free = behind_first(w, flow, 1);
    w.worker.page().backends[free] = {};
    w.worker.page().backends[free].ejected_until_ns = ~std::uint64_t{0};
    EXPECT_NE(w.choose(flow), free);

    w.worker.page().backends[free].ejected_until_ns = 0;
    scores->score[0][free].inverse_weight = kLooksFull;
    w.worker.context().scores = scores.get();
    EXPECT_NE(w.choose(flow), free);
    scores->score[0][free].inverse_weight = 0;
    const_cast<fl_member&>(w.bank.view().member(free)).state = FL_MEMBER_DRAINING;
    EXPECT_NE(w.choose(flow), free);
  }
}

TEST(Reserves, AreCountedWithOtherNodesFlows) {
  const auto scores = std::make_unique<fl_scores>();
  for (std::uint64_t flow = 0; flow < 100; ++flow) {
    World w = with_known_reserves(5);
    const std::uint32_t free = behind_first(w, flow, 1);
    w.worker.page().backends[free].in_flight = 0;
    w.worker.context().scores = scores.get();
    scores->score[0][free].external = 50;
    EXPECT_NE(w.choose(flow, true), free);
    scores->score[0][free].external = 0;
  }
}

TEST(Reserves, AreAskedAfterByANodeThatDoesNotKnowTheFlow) {
  for (std::uint64_t flow = 0; flow < 100; ++flow) {
    World w = with_known_reserves(5);
    const auto list = asked(w, flow);
    for (const std::uint32_t step : {1U, 2U}) {
      const std::string name = "b" + std::to_string(behind_first(w, flow, step));
      EXPECT_NE(std::find(list.begin(), list.end(), name), list.end());
    }
  }
}

TEST(Score, ParallelismSaturates) {
  fl_member member{};
  EXPECT_EQ(fl_member_parallel(&member), 0U);
  fl_set_member_parallel(&member, 16);
  EXPECT_EQ(fl_member_parallel(&member), 16U);
  fl_set_member_parallel(&member, 1000);
  EXPECT_EQ(fl_member_parallel(&member), 255U);
}

TEST(Candidates, AnyOneLivingBackendOfAFewIsFound) {
  for (unsigned alive = 0; alive < 8; ++alive) {
    testing::TestTable table = pool(8, 2);
    for (unsigned i = 0; i < 8; ++i)
      table.vips[0].members[i].state = i == alive ? FL_MEMBER_ACTIVE : FL_MEMBER_DOWN;
    World w(table);
    for (std::uint64_t flow = 0; flow < 50; ++flow) EXPECT_EQ(alive, w.choose(flow));
  }
}

TEST(Candidates, TheFirstCandidateDependsOnlyOnFlowAndTable) {
  World w(pool(5, 3));
  for (std::uint64_t flow = 0; flow < 100; ++flow) {
    const std::uint32_t before = first_candidate(w.bank.view(), w.vip(), hash_of(flow));
    for (auto& b : w.worker.page().backends) b.in_flight += 17 * static_cast<std::uint32_t>(flow);
    w.worker.page().backends[before].ejected_until_ns = ~std::uint64_t{0};

    EXPECT_EQ(before, first_candidate(w.bank.view(), w.vip(), hash_of(flow)));
  }
}

/// Slot s is backend s's, and was backend `past` + s's before; as many backends as slots.
testing::TestTable each_slot_its_own(std::uint8_t choices, std::uint32_t past) {
  testing::TestTable table = pool(2 * past, choices);
  for (std::uint32_t s = 0; s < past; ++s) {
    table.vips[0].slots.push_back(s);
    table.vips[0].earlier.push_back(past + s);
  }
  return table;
}

TEST(OthersToAsk, AreCandidatesThenReservesThenTheEarlierOwnersOfBoth) {
  constexpr std::uint32_t kSlots = 97;
  World w(each_slot_its_own(3, kSlots));
  for (std::uint64_t flow = 0; flow < 200; ++flow) {
    std::vector<std::uint32_t> slots;
    for (std::uint32_t c = 0; c < 3; ++c)
      slots.push_back(fl_candidate_slot(hash_of(flow), c, kSlots));
    for (const std::uint32_t r : {1U, 2U}) slots.push_back((slots[0] + r) % kSlots);
    if (std::set<std::uint32_t>(slots.begin(), slots.end()).size() < slots.size()) continue;
    std::vector<std::string> expected;
    for (std::size_t i = 1; i < slots.size(); ++i)
      expected.push_back("b" + std::to_string(slots[i]));
    for (const std::uint32_t slot : slots) expected.push_back("b" + std::to_string(kSlots + slot));

    std::vector<std::string> list = asked(w, flow);
    list.resize(expected.size());  // the walk is behind them
    EXPECT_EQ(list, expected);
  }
}

TEST(OthersToAsk, WithoutAHopListAreNone) {
  testing::TestTable table = pool(6, 3);
  table.vips[0].encapsulation = FL_ENCAP_IPIP;
  World w(table);

  EXPECT_TRUE(asked(w, 1).empty());
}

TEST(OthersToAsk, AlsoWhereAFlowGoesWhenItsCandidatesAreEjected) {
  World w(pool(40, 2));
  unsigned moved = 0;
  for (std::uint64_t flow = 0; flow < 200; ++flow) {
    const std::uint32_t first = first_candidate(w.bank.view(), w.vip(), hash_of(flow));
    auto& backends = w.worker.page().backends;
    for (auto& b : backends) b.ejected_until_ns = 0;
    for (std::uint32_t c = 0; c < 2; ++c) {
      const std::uint32_t number =
          w.bank.view().slot(w.vip(), fl_candidate_slot(hash_of(flow), c, w.vip().table_size));
      backends[w.bank.view().member(number).backend].ejected_until_ns = ~std::uint64_t{0};
    }
    const std::uint32_t taken = w.choose(flow);
    if (taken == first) continue;
    ++moved;

    const auto list = asked(w, flow);

    EXPECT_NE(std::find(list.begin(), list.end(), "b" + std::to_string(taken)), list.end());
    EXPECT_LE(list.size(), std::size_t{FL_GUE_MAX_HOPS}) << "what the headroom has room for";
  }
  EXPECT_GT(moved, 190U);
}

TEST(OthersToAsk, AreOfTheFirstOnesFamilyAndServe) {
  testing::TestTable table = pool(4, 1);
  table.vips[0].slots = {0};
  for (const std::uint32_t past : {1U, 2U, 3U}) {
    table.vips[0].earlier = {past};
    table.vips[0].members[1].state = FL_MEMBER_DOWN;
    table.vips[0].members[2].address = "2001:db8::2";
    World w(table);

    EXPECT_EQ(asked(w, 1), std::vector<std::string>{"b3"});  // else as the rest of a small pool
  }
}

}  // namespace
}  // namespace fairlead::path
