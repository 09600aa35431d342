// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/flow/flow_table.hh"

#include <random>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

#include "tests/testing/test_worker.hh"

namespace fairlead::flow {
namespace {

using testing::FlowMemory;

constexpr auto kAllTcp = [](std::uint32_t) -> std::uint8_t { return 6; };
constexpr Tick kNow = 1000;

/// Hashes whose home is bucket 0 of a small table, with different tags.
std::uint64_t crowded(std::uint64_t i) {
  return (i * 0x9e3779b97f4a7c15ULL) << 24;
}

struct Table {
  explicit Table(std::uint64_t buckets)
      : memory(buckets), flows(FlowTable::attach(memory.region()).value()) {}
  FlowTable::Outcome insert(
      std::uint64_t hash,
      std::uint32_t member = 1,
      FlowState state = FlowState::kNew,
      Tick now = kNow
  ) {
    return flows.insert(hash, member, state, now, limits, kAllTcp).outcome;
  }
  FlowMemory memory;
  FlowTable flows;
  IdleLimits limits;
};

TEST(FlowTable, FindsWhatWasInserted) {
  Table t(64);
  t.insert(0x123456789abcdef0, 77, FlowState::kConfirmed);

  const Position at = t.flows.find(0x123456789abcdef0);

  ASSERT_NE(kNoPosition, at);
  EXPECT_EQ(77U, t.flows.member(at));
  EXPECT_EQ(FlowState::kConfirmed, t.flows.state(at));
  EXPECT_EQ(kNow, t.flows.seen(at));
  EXPECT_EQ(1U, t.flows.size());
}

TEST(FlowTable, FindsNothingInAnEmptyTableWhateverTheHash) {
  Table t(64);

  EXPECT_EQ(kNoPosition, t.flows.find(0));
  EXPECT_EQ(kNoPosition, t.flows.find(~std::uint64_t{0}));
}

TEST(FlowTable, KeepsTheLargestMemberNumber) {
  Table t(64);
  t.insert(5, FL_MAX_MEMBERS - 1);

  EXPECT_EQ(FL_MAX_MEMBERS - 1, t.flows.member(t.flows.find(5)));
}

TEST(FlowTable, FindsFlowsThatOverflowedTheirHome) {
  Table t(64);
  for (std::uint64_t i = 1; i <= 12; ++i)
    ASSERT_NE(FlowTable::Outcome::kRefused, t.insert(crowded(i), static_cast<std::uint32_t>(i)));

  for (std::uint64_t i = 1; i <= 12; ++i) {
    const Position at = t.flows.find(crowded(i));
    ASSERT_NE(kNoPosition, at) << i;
    EXPECT_EQ(i, t.flows.member(at));
  }
}

TEST(FlowTable, FindsMoreFlowsThatOverflowedTheirHomeThanAHomeCanCount) {
  Table t(1 << 12);
  for (std::uint64_t i = 1; i <= 300; ++i)
    ASSERT_EQ(FlowTable::Outcome::kInserted, t.insert(crowded(i)));
  for (std::uint64_t i = 200; i <= 250; ++i) t.flows.erase(t.flows.find(crowded(i)));

  for (std::uint64_t i = 1; i < 200; ++i) EXPECT_NE(kNoPosition, t.flows.find(crowded(i))) << i;
}

TEST(FlowTable, FindsTheConfirmedOfABurst) {
  Table t(64);
  std::mt19937_64 random(7);
  constexpr FlowState kStates[] = {
      FlowState::kNew, FlowState::kConfirmed, FlowState::kClosing, FlowState::kReset};
  std::vector<std::uint64_t> known(500);
  for (std::size_t i = 0; i < known.size(); ++i) {
    known[i] = random();
    t.insert(known[i], static_cast<std::uint32_t>(i + 1), kStates[i % std::size(kStates)]);
  }

  unsigned confirmed = 0;
  unsigned elsewhere = 0;
  for (unsigned round = 0; round < 200; ++round) {
    std::uint64_t hash[FlowTable::ConfirmedFlows::kMost];
    // Of the same bucket and tag, of the same bucket and extra, and of nobody.
    for (std::uint64_t& h : hash) {
      constexpr std::uint64_t kOther[] = {0, std::uint64_t{1} << 40, std::uint64_t{1} << 48, 1};
      h = known[random() % known.size()] ^ kOther[random() % 4];
    }
    const unsigned count = 1 + round % FlowTable::ConfirmedFlows::kMost;
    FlowTable::ConfirmedFlows out;
    std::uint32_t found = t.flows.find_confirmed(hash, count, out);
    ASSERT_EQ(0U, found & out.elsewhere);
    const auto present = static_cast<std::uint32_t>((std::uint64_t{1} << count) - 1);
    found |= t.flows.find_elsewhere(hash, out.elsewhere & present, out);
    for (unsigned i = 0; i < count; ++i) {
      const Position at = t.flows.find(hash[i]);
      const bool expected = at != kNoPosition && t.flows.state(at) == FlowState::kConfirmed;
      ASSERT_EQ(expected, (found >> i & 1U) != 0) << "round " << round << " hash " << i;
      if (!expected) continue;
      ++(t.flows.in_second_bucket(at) ? elsewhere : confirmed);
      EXPECT_EQ(t.flows.word(at), out.word[i]);
      EXPECT_EQ(kNow, *out.seen[i]);
      *out.seen[i] = kNow + 1;
      EXPECT_EQ(kNow + 1, t.flows.seen(at));
      *out.seen[i] = kNow;
    }
  }
  EXPECT_LT(100U, confirmed);
  EXPECT_LT(10U, elsewhere);
}

TEST(FlowTable, MakesRoomByMovingWhatIsNotConfirmed) {
  Table t(64);
  const auto state_of = [](std::uint64_t i) {
    return i % 3 == 0 ? FlowState::kNew : FlowState::kConfirmed;
  };
  for (std::uint64_t i = 1; i <= 8; ++i) t.insert(crowded(i), 1, state_of(i));
  // The second buckets are all but full, too: soon moves are what remains.
  for (std::uint32_t bucket = 1; bucket < 64; bucket += 2)
    for (std::uint64_t i = 1; i < FL_FLOW_ENTRIES; ++i) t.insert(i << 40 | bucket);
  for (std::uint64_t i = 9; i < 40; ++i) t.insert(crowded(i));

  for (std::uint64_t i = 1; i <= 8; ++i) {
    if (state_of(i) != FlowState::kConfirmed) continue;
    const Position at = t.flows.find(crowded(i));
    ASSERT_NE(kNoPosition, at) << i;
    EXPECT_FALSE(t.flows.in_second_bucket(at)) << i;
  }
}

TEST(FlowTable, EvictsInsteadOfMovingWhenNearlyFull) {
  Table t(64);
  std::mt19937_64 random(3);
  while (t.flows.size() < t.flows.capacity()) t.insert(random());
  const auto free_one_each = [&](std::uint32_t first, std::uint32_t last) {
    for (std::uint32_t bucket = first; bucket < last; ++bucket)
      t.flows.erase(bucket * FL_FLOW_ENTRIES + bucket % FL_FLOW_ENTRIES);
  };
  // A flow whose two buckets are below 20; above, there is room.
  const auto among_the_full = [&] {
    for (;;) {
      const std::uint64_t hash = random() & ~std::uint64_t{0x3f} & ~std::uint64_t{0xffff} << 48;
      const std::uint32_t second = fl_flow_second_bucket(0, 0, fl_flow_extra(hash), 63);
      if (second < 20) return hash;
    }
  };
  free_one_each(20, 35);  // 497 of 512 are left: more than 31/32

  EXPECT_EQ(FlowTable::Outcome::kEvicted, t.insert(among_the_full()));

  free_one_each(35, 64);
  EXPECT_EQ(FlowTable::Outcome::kInserted, t.insert(among_the_full()));
}

TEST(FlowTable, FindsAnOverflowedFlowAfterItsHomeHasRoomAgain) {
  Table t(64);
  for (std::uint64_t i = 1; i <= 9; ++i) t.insert(crowded(i), static_cast<std::uint32_t>(i));
  for (std::uint64_t i = 1; i <= 8; ++i) t.flows.erase(t.flows.find(crowded(i)));

  EXPECT_NE(kNoPosition, t.flows.find(crowded(9)));
}

TEST(FlowTable, NeverEvictsConfirmedFlows) {
  Table t(2);
  std::uint64_t next = 1;
  while (t.flows.size() < t.flows.capacity())
    t.insert(next++ * 0x9e3779b97f4a7c15ULL, 1, FlowState::kConfirmed);

  for (int i = 0; i < 1000; ++i)
    EXPECT_EQ(FlowTable::Outcome::kRefused, t.insert(next++ * 0x9e3779b97f4a7c15ULL));
  EXPECT_EQ(t.flows.capacity(), t.flows.size());
}

TEST(FlowTable, EvictsTheLongestIdleUnconfirmedFlow) {
  Table t(2);
  t.limits.fresh = 1000;
  for (std::uint64_t i = 1; t.flows.size() < t.flows.capacity(); ++i)
    t.insert(
        i * 0x9e3779b97f4a7c15ULL,
        static_cast<std::uint32_t>(i),
        FlowState::kNew,
        static_cast<Tick>(kNow + i)
    );
  const auto result = t.flows.insert(0xabcdef, 99, FlowState::kNew, kNow + 50, t.limits, kAllTcp);

  EXPECT_EQ(FlowTable::Outcome::kEvicted, result.outcome);
  EXPECT_EQ(1U, result.ended.member);
}

TEST(FlowTable, EvictsAResetFlowBeforeOlderOnes) {
  Table t(2);
  t.limits.fresh = 1000;
  for (std::uint64_t i = 1; t.flows.size() < t.flows.capacity(); ++i)
    t.insert(i * 0x9e3779b97f4a7c15ULL, static_cast<std::uint32_t>(i));
  const auto newest = static_cast<Tick>(kNow + 7);
  const Position reset = t.flows.find(9 * 0x9e3779b97f4a7c15ULL);
  t.flows.set_state(reset, FlowState::kReset);
  t.flows.touch(reset, newest);

  const auto result = t.flows.insert(0xabcdef, 99, FlowState::kNew, newest, t.limits, kAllTcp);

  EXPECT_EQ(FlowTable::Outcome::kEvicted, result.outcome);
  EXPECT_EQ(9U, result.ended.member);
}

TEST(FlowTable, DoesNotEvictWhereTheCallerForbidsIt) {
  Table t(2);
  for (std::uint64_t i = 1; t.flows.size() < t.flows.capacity(); ++i)
    t.insert(i * 0x9e3779b97f4a7c15ULL);

  const auto result = t.flows.insert(
      0xabcdef, 99, FlowState::kClosing, kNow, t.limits, kAllTcp, FlowTable::Evict::kNever
  );

  EXPECT_EQ(FlowTable::Outcome::kRefused, result.outcome);
}

TEST(FlowTable, ReclaimsAnExpiredEntryInACrowdedBucket) {
  Table t(2);
  for (std::uint64_t i = 1; t.flows.size() < t.flows.capacity(); ++i)
    t.insert(i * 0x9e3779b97f4a7c15ULL, 5, FlowState::kConfirmed);

  const auto result = t.flows.insert(
      0xabcdef,
      99,
      FlowState::kNew,
      static_cast<Tick>(kNow + t.limits.confirmed + 1),
      t.limits,
      kAllTcp
  );

  EXPECT_EQ(FlowTable::Outcome::kReclaimed, result.outcome);
  EXPECT_EQ(5U, result.ended.member);
}

TEST(FlowTable, ExpiresEachStateAfterItsOwnLimit) {
  Table t(64);
  constexpr auto udp_member_4 = [](std::uint32_t m) -> std::uint8_t { return m == 4 ? 17 : 6; };
  t.limits = {.fresh = 12, .confirmed = 1200, .closing = 40, .udp = 240, .shortest = 12};
  t.insert(1 << 8, 1, FlowState::kNew);
  t.insert(2 << 8, 2, FlowState::kConfirmed);
  t.insert(3 << 8, 3, FlowState::kClosing);
  t.insert(4 << 8, 4, FlowState::kConfirmed);
  std::unordered_map<std::uint32_t, unsigned> gone;  // member -> ticks after its packet

  base::Nanoseconds now = kNow * FL_FLOW_TICK_NS;
  for (unsigned ticks = 0; ticks < 1300; ++ticks, now += FL_FLOW_TICK_NS)
    t.flows.expire(now, t.limits, udp_member_4, [&](EndedFlow ended) {
      gone[ended.member] = ticks;
    });

  const unsigned sweep = kSweepPeriod / FL_FLOW_TICK_NS + 1;
  const unsigned limits[] = {0, 12, 1200, 40, 240};
  for (std::uint32_t member = 1; member <= 4; ++member) {
    ASSERT_TRUE(gone.contains(member)) << member;
    EXPECT_GT(gone[member], limits[member]);
    EXPECT_LE(gone[member], limits[member] + sweep);
  }
  EXPECT_EQ(0U, t.flows.size());
}

TEST(FlowTable, WritesAConfirmedFlowsTimeNowAndThen) {
  Table t(64);
  t.insert(1, 1, FlowState::kConfirmed);
  const Position at = t.flows.find(1);

  t.flows.touch(at, kNow + FL_SEEN_STEP - 1);
  EXPECT_EQ(kNow, t.flows.seen(at));

  t.flows.touch(at, kNow + FL_SEEN_STEP);
  EXPECT_EQ(kNow + FL_SEEN_STEP, t.flows.seen(at));
}

TEST(FlowTable, WritesOtherFlowsTimesEachTick) {
  Table t(64);
  t.insert(1, 1, FlowState::kReset);
  const Position at = t.flows.find(1);

  t.flows.touch(at, kNow + 1);

  EXPECT_EQ(kNow + 1, t.flows.seen(at));
}

TEST(FlowTable, TimesAheadOfTheReadersClockAreNow) {
  Table t(64);
  for (const Tick ahead : {Tick{1}, Tick{FL_TICKS_AHEAD}}) {
    t.insert(ahead, 1, FlowState::kConfirmed, kNow + ahead);
    const Position at = t.flows.find(ahead);

    EXPECT_EQ(0U, t.flows.idle(at, kNow));
    t.flows.touch(at, kNow);
    EXPECT_EQ(kNow + ahead, t.flows.seen(at)) << "set back";
  }
}

TEST(FlowTable, ALateReaderTakesNoLiveEntryForExpired) {
  Table t(2);
  for (std::uint64_t i = 1; i <= 16; ++i) t.insert(crowded(i), 1, FlowState::kConfirmed, kNow + 1);

  EXPECT_EQ(FlowTable::Outcome::kRefused, t.insert(crowded(17)));
}

TEST(FlowTable, KeepsItsFlowsWhenAttachedAgain) {
  Table t(64);
  for (std::uint64_t i = 1; i <= 20; ++i)
    t.insert(crowded(i), static_cast<std::uint32_t>(i), FlowState::kConfirmed);

  FlowTable again = FlowTable::attach(t.memory.region()).value();
  again.for_each([](std::uint32_t, FlowState, Tick) {});

  EXPECT_EQ(t.flows.size(), again.size());
  EXPECT_EQ(t.flows.find(crowded(3)), again.find(crowded(3)));
}

TEST(FlowTable, RefusesARegionThatDisagreesWithItsSize) {
  FlowMemory memory(64);
  auto* header = reinterpret_cast<fl_region_header*>(memory.region().data());
  for (const std::uint64_t buckets :
       {std::uint64_t{0},
        std::uint64_t{1},
        std::uint64_t{63},
        std::uint64_t{128},
        ~std::uint64_t{0}}) {
    header->parameter = buckets;
    EXPECT_FALSE(FlowTable::attach(memory.region()).has_value()) << buckets;
  }
}

TEST(FlowTable, ErasesByMemberInABoundedRange) {
  Table t(64);
  for (std::uint64_t i = 1; i <= 40; ++i)
    t.insert(i, static_cast<std::uint32_t>(i % 2), FlowState::kConfirmed);

  t.flows.erase_if(0, t.flows.bucket_count(), [](std::uint32_t member, FlowState) {
    return member == 1;
  });

  EXPECT_EQ(20U, t.flows.size());
  EXPECT_EQ(kNoPosition, t.flows.find(1));
  EXPECT_NE(kNoPosition, t.flows.find(2));
}

/// Share of inserts refused while filling a table of 2^16 buckets with confirmed flows.
double refused_at(double load) {
  Table t(1 << 16);
  std::mt19937_64 random(7);
  const auto flows = static_cast<std::uint64_t>(load * static_cast<double>(t.flows.capacity()));
  std::uint64_t refused = 0;
  for (std::uint64_t i = 0; i < flows; ++i)
    refused += t.insert(random(), 1, FlowState::kConfirmed) == FlowTable::Outcome::kRefused;
  return static_cast<double>(refused) / static_cast<double>(flows);
}

TEST(FlowTable, RefusesAlmostNothingAt75And85PercentLoad) {
  EXPECT_LE(refused_at(0.75), 1e-4);
  EXPECT_LE(refused_at(0.85), 1e-4);
}

TEST(FlowTable, AttackersCannotDisplaceConfirmedFlows) {
  Table t(1 << 10);
  std::mt19937_64 random(11);
  std::vector<std::uint64_t> confirmed;
  for (int i = 0; i < 4000; ++i) {
    confirmed.push_back(random());
    t.insert(confirmed.back(), 3, FlowState::kConfirmed);
  }

  for (int i = 0; i < 1'000'000; ++i) t.insert(random(), 9);

  for (const std::uint64_t hash : confirmed) {
    const Position at = t.flows.find(hash);
    ASSERT_NE(kNoPosition, at);
    EXPECT_EQ(3U, t.flows.member(at));
  }
}

}  // namespace
}  // namespace fairlead::flow
