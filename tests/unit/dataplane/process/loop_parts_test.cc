// SPDX-License-Identifier: BSD-3-Clause
// The parts of a worker's loop: idle back-off, cycle clock, mailbox.
#include <thread>

#include <gtest/gtest.h>

#include "dataplane/cycle_clock.hh"
#include "dataplane/idle.hh"
#include "dataplane/mailbox.hh"
#include "dataplane/poll_gap.hh"

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

TEST(PollGap, PacketsCountFromWhenTheyAreReceivedWhileAWorkerPolls) {
  PollGap gap(/*usual=*/1000);
  gap.polled(5000, true);
  EXPECT_EQ(gap.counted_from(5010), 5010U);
  EXPECT_EQ(gap.counted_from(6000), 6000U);
}

TEST(PollGap, AfterAStallTheyCountFromThePollBefore) {
  PollGap gap(/*usual=*/1000);
  gap.polled(5000, false);
  EXPECT_EQ(gap.counted_from(6001), 5000U);
  EXPECT_EQ(gap.counted_from(5000 + PollGap::kMost), 5000U);
  EXPECT_EQ(gap.counted_from(5000 + PollGap::kMost + 7), 5007U) << "a clock counts so far only";
  gap.polled(6001, false);
  EXPECT_EQ(gap.counted_from(6100), 6100U);
}

TEST(PollGap, WhatIsLeftInAFullQueueWaitedAsLong) {
  PollGap gap(/*usual=*/1000);
  gap.polled(5000, false);
  EXPECT_EQ(gap.counted_from(90'000), 5000U);
  gap.polled(89'990, true);
  EXPECT_EQ(gap.counted_from(90'010), 5000U) << "the queue gave all that a turn takes";
  gap.polled(90'000, true);
  EXPECT_EQ(gap.counted_from(90'020), 5000U);
  gap.polled(90'010, false);
  EXPECT_EQ(gap.counted_from(90'030), 90'030U) << "it was emptied";
}

TEST(PollGap, NoMoreCountsThanARingHolds) {
  PollGap gap(/*usual=*/1000);
  gap.polled(5000, false);
  std::uint64_t now = 90'000;
  unsigned late = 0;
  for (unsigned turn = 0; turn < 100; ++turn, now += 10) {
    late += gap.counted_from(now) == 5000U;
    gap.polled(now - 5, true);
  }
  EXPECT_EQ(late, PollGap::kTurnsOfARing);
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
