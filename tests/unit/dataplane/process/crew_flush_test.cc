// SPDX-License-Identifier: BSD-3-Clause
// Orders to forget flows, while workers run, rest, come and go.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/unit/dataplane/process/crew_on_rings.hh"

namespace fairlead::dataplane {
namespace {

TEST_F(CrewOnRings, AnOrderToForgetFlowsReachesTheTablesOfWorkersThatDoNotRun) {
  RingPort& port = add_station(2);
  start(2);
  establish(port, 2);
  crew_->stop();
  start(1, 2);
  ASSERT_GT(page(1).flows, 0U);

  auto* const order = steering_region_.at<fl_flow_order>(FL_FLOW_ORDER_OFFSET);
  order->vip = FL_ANY;
  order->backend = FL_ANY;
  __atomic_store_n(&order->sequence, std::uint64_t{1}, __ATOMIC_RELEASE);
  const base::Nanoseconds deadline = sys::monotonic_ns() + 20 * base::kSecond;
  while (page(1).flows != 0 && sys::monotonic_ns() < deadline) tick();

  EXPECT_EQ(page(1).flows, 0U);
}

TEST_F(CrewOnRings, WorkersTogetherForgetFlowsNoFasterThanTheOrderSays) {
  constexpr std::uint32_t kRate = 40;
  RingPort& port = add_station(2);
  start(2);
  establish(port, 2);

  auto* const order = steering_region_.at<fl_flow_order>(FL_FLOW_ORDER_OFFSET);
  order->vip = order->backend = FL_ANY;
  order->per_second = kRate;
  const base::Nanoseconds from = sys::monotonic_ns();
  __atomic_store_n(&order->sequence, std::uint64_t{1}, __ATOMIC_RELEASE);
  std::uint64_t flushed = 0;
  while (flushed < kRate / 2 && sys::monotonic_ns() < from + 20 * base::kSecond) {
    tick();
    flushed = page(0).flow_events[FL_EVENT_FLUSHED] + page(1).flow_events[FL_EVENT_FLUSHED];
    ASSERT_LE(flushed * base::kSecond, kRate * (sys::monotonic_ns() - from));
  }

  EXPECT_GE(flushed, kRate / 2);
}

// Whoever gets a flow in the middle of a flush, starts in it or rests in it: in the end nothing of
// before the order is left. (Whoever is forgotten goes to b2, but for one slot.)
TEST_F(CrewOnRings, AFlushForgetsFlowsThatChangeTheirWorkerMeanwhile) {
  RingPort& port = add_station(3);
  start(2);
  establish(port, 3);
  publish(1, 10000);
  auto* const order = steering_region_.at<fl_flow_order>(FL_FLOW_ORDER_OFFSET);
  order->vip = FL_ANY;
  order->backend = FL_ANY;
  order->per_second = kFlows / 2;  // so this takes seconds
  __atomic_store_n(&order->sequence, std::uint64_t{1}, __ATOMIC_RELEASE);
  for (const unsigned workers : {3U, 1U, 2U, 3U}) {
    ASSERT_TRUE(crew_->arrange(stations_, workers));
    for (unsigned client = 0; client < kFlows; ++client) receive(port.rx[client % 3], client, "A");
    collect_all(port);
  }
  const auto all_done = [&] {
    for (unsigned w = 0; w < crew_->known(); ++w)
      if (__atomic_load_n(&page(w).flush_sequence, __ATOMIC_ACQUIRE) != 1) return false;
    return true;
  };
  const base::Nanoseconds deadline = sys::monotonic_ns() + 60 * base::kSecond;
  while (!all_done() && sys::monotonic_ns() < deadline) tick();
  ASSERT_TRUE(all_done());

  backends_.clear();
  for (unsigned client = 0; client < kFlows; ++client) receive(port.rx[client % 3], client, "A");
  collect_all(port);
  const auto stayed = std::count_if(backends_.begin(), backends_.end(), [](const auto& flow) {
    return flow.second.count(1) != 0;
  });
  EXPECT_LE(stayed, 1) << "of " << kFlows;
}

}  // namespace
}  // namespace fairlead::dataplane
