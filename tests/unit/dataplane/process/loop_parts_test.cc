// SPDX-License-Identifier: BSD-3-Clause
// The parts of a worker's loop: idle back-off, poll gap, pulse, cycle clock, mailbox.
#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include "dataplane/cycle_clock.hh"
#include "dataplane/idle.hh"
#include "dataplane/mailbox.hh"
#include "dataplane/poll_gap.hh"
#include "dataplane/pulse.hh"

namespace fairlead::dataplane {
namespace {

TEST(IdleBackoff, SpinsThenSleepsThenSleepsLonger) {
  IdleBackoff idle(64, 20, 200);
  std::vector<base::Nanoseconds> pauses(600);
  for (auto& pause : pauses) pause = idle.found_nothing();

  EXPECT_EQ(pauses[62], 0U);
  EXPECT_EQ(pauses[63], 20U);
  EXPECT_EQ(pauses[510], 20U);
  EXPECT_EQ(pauses[511], 200U);
  EXPECT_EQ(pauses[599], 200U);
}

TEST(IdleBackoff, APacketEndsTheSleep) {
  IdleBackoff idle(2, 20, 200);
  for (int i = 0; i < 100; ++i) (void)idle.found_nothing();

  idle.found_packets();

  EXPECT_EQ(idle.found_nothing(), 0U);
}

TEST(IdleBackoff, ZeroEmptyPollsNeverSleeps) {
  IdleBackoff idle(0, 20, 200);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(idle.found_nothing(), 0U);
}

/// A turn that began at `begin` has ended; its queues gave all that a turn takes.
void polled_full(PollGap& gap, std::uint64_t begin) {
  gap.found_full();
  gap.polled(begin);
}

TEST(PollGap, PacketsCountFromWhenTheyAreReceivedWhileAWorkerPolls) {
  PollGap gap(/*usual=*/1000);
  polled_full(gap, 5000);
  EXPECT_EQ(gap.counted_from(5010), 5010U);
  EXPECT_EQ(gap.counted_from(6000), 6000U);
}

TEST(PollGap, AfterAStallTheyCountFromThePollBefore) {
  PollGap gap(/*usual=*/1000);
  gap.polled(5000);
  EXPECT_EQ(gap.counted_from(6001), 5000U);
  EXPECT_EQ(gap.counted_from(5000 + PollGap::kMost), 5000U);
  EXPECT_EQ(gap.counted_from(5000 + PollGap::kMost + 7), 5007U) << "a clock counts so far only";
  gap.polled(6001);
  EXPECT_EQ(gap.counted_from(6100), 6100U);
}

TEST(PollGap, WhatIsLeftInAFullQueueWaitedAsLong) {
  PollGap gap(/*usual=*/1000);
  gap.polled(5000);
  EXPECT_EQ(gap.counted_from(90'000), 5000U);
  polled_full(gap, 89'990);
  EXPECT_EQ(gap.counted_from(90'010), 5000U) << "the queue gave all that a turn takes";
  polled_full(gap, 90'000);
  EXPECT_EQ(gap.counted_from(90'020), 5000U);
  gap.polled(90'010);
  EXPECT_EQ(gap.counted_from(90'030), 90'030U) << "it was emptied";
}

TEST(PollGap, AFullQueueWithoutAStallIsNoneLater) {
  PollGap gap(/*usual=*/1000);
  polled_full(gap, 5000);
  EXPECT_EQ(gap.counted_from(90'000), 5000U);
  gap.polled(89'990);
  EXPECT_EQ(gap.counted_from(90'010), 90'010U) << "full was the turn before";
}

TEST(PollGap, NoMoreCountsThanARingHolds) {
  PollGap gap(/*usual=*/1000);
  for (const std::uint64_t stall : {90'000, 190'000}) {  // the second as long as the first
    gap.polled(stall - 85'000);
    unsigned late = 0;
    for (std::uint64_t now = stall; now < stall + 1000; now += 10) {
      late += gap.counted_from(now) == stall - 85'000;
      polled_full(gap, now - 5);
    }
    EXPECT_EQ(late, PollGap::kTurnsOfARing);
    gap.polled(stall + 1000);
  }
}

TEST(Pulse, TellsOfTheLastSecondAlone) {
  constexpr std::uint64_t kHz = 1000;
  const auto page = std::make_unique<fl_worker_page>();
  Pulse pulse;
  page->busy_cycles = page->idle_cycles = 5000;
  page->rx_packets = 100;
  page->latency[fl_latency_bucket(1'000'000)] = 100;
  pulse.take(*page, kHz);

  page->busy_cycles += 250;
  page->idle_cycles += 750;
  page->rx_packets += 500;
  page->latency[fl_latency_bucket(1000)] += 98;
  page->latency[fl_latency_bucket(50'000)] += 2;
  pulse.take(*page, kHz);

  EXPECT_DOUBLE_EQ(pulse.busy_share(), 0.25);
  EXPECT_DOUBLE_EQ(pulse.pps(), 500);
  EXPECT_DOUBLE_EQ(pulse.cycles_per_packet(), 0.5);
  EXPECT_EQ(pulse.latency().samples, 100U);
  EXPECT_NEAR(pulse.latency().p50_ns, 1000, 130);
  EXPECT_NEAR(pulse.latency().p99_ns, 50'000, 6500);
  EXPECT_NEAR(pulse.latency().mean_ns, 0.98 * 1000 + 0.02 * 50'000, 260);

  page->idle_cycles += 1000;
  pulse.take(*page, kHz);
  EXPECT_DOUBLE_EQ(pulse.busy_share() + pulse.pps() + pulse.cycles_per_packet(), 0);
  EXPECT_EQ(pulse.latency().samples, 0U) << "a second without packets has none";
}

TEST(CycleClock, CountsNanosecondsFromTheLastSync) {
  CycleClock clock(2'000'000'000);
  clock.sync(1'000, 5'000);

  EXPECT_EQ(clock.now(1'000), 5'000U);
  EXPECT_EQ(clock.now(3'000), 6'000U);
}

TEST(CycleClock, NeverRunsBackwards) {
  CycleClock clock(2'000'000'000);
  clock.sync(0, 5'000);
  EXPECT_EQ(clock.now(4'000), 7'000U);

  clock.sync(4'000, 6'500);  // the estimate was 500 ns ahead

  EXPECT_EQ(clock.now(4'000), 7'000U);
  EXPECT_EQ(clock.now(6'000), 7'500U);
}

TEST(CycleClock, IsOffByLessThanAMillionthOverASecond) {
  const std::uint64_t hz = 2'599'998'000;
  const CycleClock clock(hz);

  EXPECT_NEAR(static_cast<double>(clock.to_ns(hz)), 1e9, 1000);
}

TEST(CycleClock, WantsASyncAfterTenMilliseconds) {
  CycleClock clock(1'000'000);
  clock.sync(100, 1);

  EXPECT_FALSE(clock.sync_due(100 + 10'000));
  EXPECT_TRUE(clock.sync_due(100 + 10'001));
}

TEST(Mailbox, RefusesASecondValueUntilTheFirstIsTaken) {
  Mailbox<int> box;
  int got = 0;

  EXPECT_FALSE(box.take(got));
  EXPECT_TRUE(box.offer(1));
  EXPECT_FALSE(box.offer(2));
  EXPECT_TRUE(box.take(got));
  EXPECT_EQ(got, 1);
  EXPECT_TRUE(box.empty());
}

TEST(Mailbox, ValuesArriveWholeAndInOrder) {
  struct Pair {
    std::uint64_t a = 0;
    std::uint64_t b = 0;
  };
  constexpr std::uint64_t kLast =
      30;  // each takes two turns of the scheduler: long on a busy machine
  Mailbox<Pair> box;
  std::jthread sender([&] {
    for (std::uint64_t i = 1; i <= kLast;) {
      if (box.offer({i, ~i})) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  Pair got;
  for (std::uint64_t expected = 1; expected <= kLast;) {
    if (!box.take(got)) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(got.a, expected);
    ASSERT_EQ(got.b, ~expected);
    ++expected;
  }
}

}  // namespace
}  // namespace fairlead::dataplane
