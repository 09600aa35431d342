// SPDX-License-Identifier: BSD-3-Clause
// What a flow table computes once: time-outs, its size, and names of entries for people.
#include <gtest/gtest.h>

#include "dataplane/flow/flow_table.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::flow {
namespace {

TEST(FlowTable, EachStateHasItsOwnLimitOfTheBankInWholeTicks) {
  constexpr std::uint32_t kTick = FL_FLOW_TICK_NS / base::kMillisecond;
  fl_bank bank{};
  bank.idle_new_ms = 20 * kTick;
  bank.idle_confirmed_ms = 30 * kTick;
  bank.idle_closing_ms = 40 * kTick;
  bank.idle_reset_ms = 50 * kTick;
  bank.idle_adopted_ms = 60 * kTick;
  bank.idle_udp_new_ms = 70 * kTick - 1;  // no flow ends early
  bank.idle_udp_ms = 0xffffffff;

  const IdleLimits limits = idle_limits(bank);

  EXPECT_EQ(20, limits.of(FlowState::kNew, false));
  EXPECT_EQ(30 + FL_SEEN_STEP - 1, limits.of(FlowState::kConfirmed, false));
  EXPECT_EQ(40, limits.of(FlowState::kClosing, false));
  EXPECT_EQ(50, limits.of(FlowState::kReset, false));
  EXPECT_EQ(60, limits.of(FlowState::kAdopted, false));
  EXPECT_EQ(70, limits.of(FlowState::kNew, true));
  EXPECT_EQ(20, limits.shortest);
  // Ahead of where ticks come round, by more than a turn of the hand and what clocks may differ by.
  EXPECT_GT(limits.of(FlowState::kConfirmed, true), 64'000);
  EXPECT_LT(limits.of(FlowState::kConfirmed, true), 65536U - FL_TICKS_AHEAD);
  bank.idle_reset_ms = 0;
  EXPECT_EQ(1, idle_limits(bank).shortest) << "in the tick of its packet nothing is idle";
}

TEST(FlowTable, LimitsOfConfirmedFlowsHoldWhatTheirTimesMayBeLate) {
  fl_bank bank{};
  bank.idle_new_ms = bank.idle_confirmed_ms = bank.idle_udp_ms = bank.idle_udp_new_ms = 10'000;

  const IdleLimits limits = idle_limits(bank);

  EXPECT_EQ(limits.fresh + FL_SEEN_STEP - 1, limits.confirmed);
  EXPECT_EQ(limits.udp_fresh + FL_SEEN_STEP - 1, limits.udp);
}

TEST(FlowTable, HasBucketsForItsFlowsAtFourFifthsLoad) {
  for (const std::uint64_t flows : {1ULL, 12ULL, 100ULL, 1'000'000ULL, 10'000'000ULL}) {
    const std::uint64_t entries = FlowTable::buckets_for(flows) * FL_FLOW_ENTRIES;
    EXPECT_GE(entries * 4, flows * 5) << flows;
    EXPECT_TRUE(entries < flows * 10 / 4 + 2 || entries == 16) << flows;
  }
  EXPECT_EQ(
      128U << 20, FlowTable::region_bytes(FlowTable::buckets_for(10'000'000)) - FL_LINE_BYTES
  );
}

TEST(FlowTable, AnEntrysIdentityIsItsFlowsWhereverItLies) {
  testing::FlowMemory memory(64);
  FlowTable flows = FlowTable::attach(memory.region()).value();
  const auto hash_of = [](std::uint64_t i) {
    return (i * 0x9e3779b97f4a7c15ULL) << 24;
  };  // one home
  const auto all_tcp = [](std::uint32_t) -> std::uint8_t { return 6; };
  for (std::uint64_t i = 1; i <= 12; ++i)
    flows.insert(hash_of(i), 1, FlowState::kNew, 1000, IdleLimits{}, all_tcp);

  unsigned elsewhere = 0;
  for (std::uint64_t i = 1; i <= 12; ++i) {
    const Position at = flows.find(hash_of(i));
    EXPECT_EQ(flows.identity_of(hash_of(i)), flows.identity(at));
    elsewhere += flows.in_second_bucket(at) ? 1 : 0;
  }
  EXPECT_EQ(4U, elsewhere);
}

}  // namespace
}  // namespace fairlead::flow
