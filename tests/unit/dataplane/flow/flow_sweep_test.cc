// SPDX-License-Identifier: BSD-3-Clause
// The compare that spares the sweep at most bursts.
#include <gtest/gtest.h>

#include "dataplane/flow/flow_table.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::flow {
namespace {

/// A small table of flows that expire after some seconds.
struct Swept {
  Swept() {
    for (std::uint64_t i = 0; i < 300; ++i)
      flows.insert(i * 0x9e3779b97f4a7c15ULL, 1, FlowState::kNew, kBegin, limits, kAllTcp);
  }
  void expire(base::Nanoseconds now) {
    flows.expire(now, limits, kAllTcp, [](const EndedFlow&) {});
  }
  static constexpr Tick kBegin = 1000;
  static constexpr auto kAllTcp = [](std::uint32_t) -> std::uint8_t { return 6; };
  testing::FlowMemory memory{64};
  FlowTable flows = FlowTable::attach(memory.region()).value();
  IdleLimits limits;
};

/// Who asks first and who does not lose the same flows at the same moment, when the clock is put
/// back as well.
TEST(FlowTable, ASweepThatIsNotDueWouldDoNothing) {
  Swept asked;
  Swept always;
  unsigned spared = 0;
  base::Nanoseconds now = Swept::kBegin * FL_FLOW_TICK_NS;
  for (unsigned step = 0; step < 20000; ++step) {
    now += step == 7000 ? -base::kSecond : 777 * base::kMicrosecond;
    always.expire(now);
    if (asked.flows.sweep_is_due(now)) {
      asked.expire(now);
    } else {
      ++spared;
    }
    ASSERT_EQ(asked.flows.size(), always.flows.size()) << step;
  }
  EXPECT_EQ(0U, asked.flows.size());
  EXPECT_GT(spared, 19000U);
}

/// Where the bursts of a moment begin and end would else decide what has expired for them.
TEST(FlowTable, ASweepLeavesNothingToAnotherAtTheSameTime) {
  for (const base::Nanoseconds pause : {900, 1500, 3000, 3999, 4000, 9000}) {
    Swept table;
    const base::Nanoseconds begin = Swept::kBegin * FL_FLOW_TICK_NS;
    table.expire(begin);
    const base::Nanoseconds now = begin + 60 * base::kSecond;
    for (base::Nanoseconds at = now - pause * base::kMillisecond; at <= now;
         at += pause * base::kMillisecond)
      table.expire(at);
    const std::uint64_t left = table.flows.size();
    EXPECT_FALSE(table.flows.sweep_is_due(now)) << pause;
    table.expire(now);
    EXPECT_EQ(left, table.flows.size()) << pause;
  }
}

TEST(FlowTable, ASweepAfterALongPauseIsNoLongerThanAnother) {
  constexpr std::uint32_t kBuckets = 8 * FlowTable::kMaxBucketsPerStep;
  testing::FlowMemory memory(kBuckets);
  FlowTable flows = FlowTable::attach(memory.region()).value();
  const IdleLimits limits;
  for (std::uint64_t i = 0; i < kBuckets; ++i)  // one in each
    flows.insert(i << 40 | i, 1, FlowState::kNew, Swept::kBegin, limits, Swept::kAllTcp);
  const auto expire = [&](base::Nanoseconds now) {
    flows.expire(now, limits, Swept::kAllTcp, [](const EndedFlow&) {});
  };
  const base::Nanoseconds begin = Swept::kBegin * FL_FLOW_TICK_NS;
  expire(begin);

  expire(begin + 60 * base::kSecond);

  EXPECT_EQ(kBuckets - FlowTable::kMaxBucketsPerStep, flows.size());
}

}  // namespace
}  // namespace fairlead::flow
