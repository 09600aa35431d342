// SPDX-License-Identifier: BSD-3-Clause
// The Maglev builder: the promises of issue size, golden tables, refusals.
#include "control/steering/maglev.hh"

#include <cmath>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "control/steering/keyed_hash.hh"

namespace fairlead::steering {
namespace {

constexpr HashKey kKey = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

std::vector<MaglevBackend> pool_of(std::size_t count, std::uint32_t most_weight) {
  std::mt19937 random(3);
  std::vector<MaglevBackend> pool;
  for (std::size_t i = 0; i < count; ++i)
    pool.push_back(
        {keyed_hash(kKey, "backend-" + std::to_string(i)),
         static_cast<std::uint32_t>(1 + random() % most_weight)}
    );
  return pool;
}

/// Slots that moved although `giver` did not own them.
std::uint32_t moved_from_others(
    const MaglevTable& before, const MaglevTable& after, std::uint32_t giver
) {
  std::uint32_t count = 0;
  for (std::size_t s = 0; s < before.slots.size(); ++s)
    count += before.slots[s] != giver && after.slots[s] != before.slots[s] ? 1 : 0;
  return count;
}

/// FNV-1a over the slots.
std::uint64_t digest(const std::vector<std::uint32_t>& slots) {
  std::uint64_t sum = 0xcbf29ce484222325;
  for (const std::uint32_t s : slots) sum = (sum ^ s) * 0x100000001b3;
  return sum;
}

// A change of these values re-steers flows of every fleet at the next upgrade: say so in the
// subject.
TEST(Maglev, GoldenTables) {
  EXPECT_EQ(digest(build_table(pool_of(3, 1), {}, 251)->slots), 17995846312346378490u);
  EXPECT_EQ(digest(build_table(pool_of(1000, 100), {}, 65537)->slots), 4875468311965761695u);
  const auto before = build_table(pool_of(100, 100), {}, 65537)->slots;
  EXPECT_EQ(digest(build_table(pool_of(100, 7), before, 65537)->slots), 13720636624806021793u);
}

TEST(Maglev, RemovingOneOfThousandMovesOnlyItsOwnSlots) {
  auto pool = pool_of(1000, 100);
  const MaglevTable before = *build_table(pool, {}, 65537);

  for (std::uint32_t leaver = 0; leaver < 1000; leaver += 37) {
    auto rest = pool;
    rest[leaver].weight = 0;
    const MaglevTable after = *build_table(rest, before.slots, 65537);

    EXPECT_EQ(after.moved, before.counts[leaver]);
    EXPECT_EQ(moved_from_others(before, after, leaver), 0u);
  }
}

TEST(Maglev, LoweringOneWeightMovesOnlyThatBackendsSlots) {
  auto pool = pool_of(100, 1);
  for (auto& b : pool) b.weight = 100;
  const MaglevTable before = *build_table(pool, {}, 65537);
  pool[42].weight = 50;

  const MaglevTable after = *build_table(pool, before.slots, 65537);

  EXPECT_NEAR(after.moved, 655.37 / 2, 5);
  EXPECT_EQ(moved_from_others(before, after, 42), 0u);
}

TEST(Maglev, ABackendThatReturnsGetsMostOfItsOldSlotsBack) {
  const auto pool = pool_of(1000, 100);
  auto without = pool;
  without[388].weight = 0;
  const MaglevTable before = *build_table(pool, {}, 65537);

  const MaglevTable away = *build_table(without, before.slots, 65537);
  const MaglevTable back = *build_table(pool, away.slots, 65537);

  std::uint32_t differ = 0;
  for (std::size_t s = 0; s < 65537; ++s) differ += before.slots[s] != back.slots[s] ? 1 : 0;
  EXPECT_LT(differ, before.counts[388] / 2);
}

TEST(Maglev, ExtremeWeightsStarveNobody) {
  auto pool = pool_of(600, 1);
  pool[0].weight = 10000;
  pool[1].weight = 10000;

  const MaglevTable table = *build_table(pool, {}, 65537);

  for (std::size_t i = 2; i < pool.size(); ++i) EXPECT_NEAR(table.counts[i], 65537.0 / 20598, 1.0);
  EXPECT_NEAR(table.counts[0], 65537 * 10000.0 / 20598, 0.01 * 31817);
}

TEST(Maglev, SharesBelowOneSlotGetOneSlot) {
  auto pool = pool_of(600, 1);
  for (std::size_t i = 0; i < 300; ++i) pool[i].weight = 10000;

  const MaglevTable table = *build_table(pool, {}, 65537);

  for (std::size_t i = 300; i < 600; ++i) EXPECT_EQ(table.counts[i], 1u);
  for (std::size_t i = 0; i < 300; ++i) EXPECT_NEAR(table.counts[i], 218.4, 2.18);
}

TEST(Maglev, OnlyZeroWeightsMakeATableWithoutSlots) {
  auto pool = pool_of(3, 1);
  for (auto& b : pool) b.weight = 0;
  EXPECT_TRUE(build_table(pool, {}, 251)->slots.empty());
  EXPECT_TRUE(build_table({}, {}, 251)->slots.empty());
}

TEST(Maglev, RefusesWhatItCannotBuild) {
  auto pool = pool_of(3, 1);
  pool[1].weight = 10001;
  EXPECT_EQ(build_table(pool, {}, 251).error().what, "weight 10001 is above 10000");
  pool[1].weight = 1;
  const std::vector<std::uint32_t> short_table(100, 0);
  EXPECT_EQ(build_table(pool, short_table, 251).error().what, "previous table has 100 slots");
  const std::vector<std::uint32_t> strange(251, 3);
  EXPECT_EQ(build_table(pool, strange, 251).error().what, "previous table names backend 3");
  EXPECT_FALSE(build_table(pool_of(252, 1), {}, 251));
  pool[1].identity = pool[0].identity;
  EXPECT_EQ(build_table(pool, {}, 251).error().what, "two backends have the same identity");
}

TEST(Maglev, SizesArePrimes) {
  for (const std::uint32_t size : table_sizes())
    for (std::uint32_t d = 2; d * d <= size; ++d)
      ASSERT_NE(size % d, 0u) << size << " = " << d << " * ...";
  EXPECT_FALSE(is_table_size(65536));
}

TEST(Maglev, SmallPoolsHaveEightHundredSlotsABackendAndLargeOnesAHundred) {
  EXPECT_EQ(table_size_for(0), 8191u);
  EXPECT_EQ(table_size_for(10), 8191u);
  EXPECT_EQ(table_size_for(11), 16381u);
  EXPECT_EQ(table_size_for(20), 16381u);
  EXPECT_EQ(table_size_for(21), 32749u);
  EXPECT_EQ(table_size_for(40), 32749u);
  EXPECT_EQ(table_size_for(41), 65537u);
  EXPECT_EQ(table_size_for(655), 65537u);
  EXPECT_EQ(table_size_for(656), 131101u);
  EXPECT_EQ(table_size_for(4096), 524309u);
  EXPECT_EQ(table_size_for(100'000), 1048583u);
}

}  // namespace
}  // namespace fairlead::steering
