// SPDX-License-Identifier: BSD-3-Clause
// From when to when a packet's time in the node is counted, and in which unit. The worker is held
// up inside calls of the driver. Only that it counts at least so much is asked: a busy machine adds
// to every time.
#include <numeric>
#include <utility>

#include <gtest/gtest.h>

#include "tests/testing/eventually.hh"
#include "tests/unit/dataplane/process/worker_on_rings.hh"

namespace fairlead::dataplane {
namespace {

// Longer than any sleep and wake-up of the worker, which are no stall.
constexpr base::Nanoseconds kStall = 5 * base::kMillisecond;

void hold_up() {
  const std::uint64_t end = rte_rdtsc() + rte_get_tsc_hz() * kStall / base::kSecond;
  while (rte_rdtsc() < end) continue;
}

/// The first time only.
Hook hold_up_once() {
  return [first = true]() mutable {
    if (std::exchange(first, false)) hold_up();
  };
}

/// Packets that count `at_least` nanoseconds.
std::uint64_t counted(Bench& bench, std::uint64_t at_least) {
  const auto& latency = bench.page().latency;
  return std::accumulate(
      latency + fl_latency_bucket(at_least), std::end(latency), std::uint64_t{0}
  );
}

TEST(WorkerLatency, RunsFromTheReceiveCallToTheEndOfTheTransmitCall) {
  Bench bench;
  Hook hook = hold_up_once();
  bench.at_transmit(hook);
  for (unsigned i = 0; i < 2 * path::kBurstPackets; ++i) bench.receive(syn(i));

  bench.start();
  bench.stop();

  EXPECT_EQ(counted(bench, kStall), 2 * path::kBurstPackets)
      << "the second burst was received with the first, and sent after it";
}

TEST(WorkerLatency, IsInNanosecondsWhateverTheClock) {
  constexpr std::uint64_t kShare = 100;
  Bench bench(1024, PuntPath::kNone, false, 1, kShare);
  Hook hook = hold_up_once();
  bench.at_transmit(hook);
  bench.receive(syn(1));

  bench.start();
  bench.stop();

  EXPECT_EQ(counted(bench, kShare * kStall), 1U);
}

TEST(WorkerLatency, AllThatIsInARingAfterAStallCountsAsHavingWaited) {
  Bench bench(1024, PuntPath::kNone, false, 2);
  Hook hook = hold_up_once();
  bench.at_receive(hook);
  for (unsigned i = 0; i < 3 * path::kPacketsInTurn; ++i) bench.receive(syn(i), 0);
  for (unsigned i = 0; i < 10; ++i) bench.receive(syn(i), 1);

  bench.start();
  bench.stop();

  EXPECT_EQ(counted(bench, kStall), 3 * path::kPacketsInTurn + 10);
}

TEST(WorkerLatency, WhatComesWhileThePacketsBeforeAreHeldUpHasWaitedToo) {
  Bench bench;
  Hook hold = hold_up_once();
  Hook hook = [&, first = true]() mutable {
    if (std::exchange(first, false)) bench.receive(syn(2));
    hold();
  };
  bench.at_transmit(hook);
  bench.receive(syn(1));

  bench.start();
  ASSERT_TRUE(testing::eventually([&] {
    return __atomic_load_n(&bench.page().tx_packets, __ATOMIC_RELAXED) == 2;
  }));
  bench.stop();

  EXPECT_EQ(counted(bench, kStall), 2U);
}

TEST(WorkerLatency, IsOfForwardedPacketsOnly) {
  Bench bench;
  for (unsigned i = 0; i < 30; ++i)
    bench.receive(
        i % 3 == 0 ? testing::packet().ipv4("198.51.100.1", "203.0.113.10").tcp(0, 80, "S").build()
                   : syn(i)
    );

  bench.start();
  bench.stop();

  EXPECT_EQ(bench.page().drops[FL_REASON_ZERO_PORT], 10U);
  EXPECT_EQ(counted(bench, 0), 20U);
}

}  // namespace
}  // namespace fairlead::dataplane
