// SPDX-License-Identifier: BSD-3-Clause
// Workers and ports come and go while packets flow: none is lost, no flow changes its backend.
#include <algorithm>
#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/net/outer_policy.hh"
#include "tests/testing/eventually.hh"
#include "tests/unit/dataplane/process/crew_on_rings.hh"

namespace fairlead::dataplane {
namespace {

TEST_F(CrewOnRings, MoreAndFewerWorkersLoseNoPacketAndMoveNoFlow) {
  RingPort& port = add_station(2);
  start(1);
  establish(port, 2);
  publish(1, 10000);  // whoever forgets a flow now sends it to b2

  for (const unsigned workers : {2U, 1U, 3U, 2U, 1U}) {
    std::atomic<bool> arranged{false};
    std::jthread traffic([&] {
      unsigned client = 0;
      while (!arranged.load() || client % kFlows != 0) {
        receive(port.rx[client % 2], client % kFlows, "A");
        ++client;
        // What is on its way fits into the transmit rings: nothing may be lost there.
        while (rte_ring_count(port.rx[client % 2]) > 500) std::this_thread::yield();
        while (rte_ring_free_count(port.tx[client % 2]) < 2000) std::this_thread::yield();
      }
    });
    std::jthread sink([&, this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        collect(port);
        std::this_thread::yield();
      }
    });
    ASSERT_TRUE(crew_->arrange(stations_, workers));
    EXPECT_EQ(crew_->running(), workers);
    arranged = true;
    traffic.join();
    sink.request_stop();
    sink.join();
    collect_all(port);
  }

  expect_nothing_moved();
  EXPECT_GT(page(1).rx_packets, 0U) << "worker 1 never worked";
}

TEST_F(CrewOnRings, FlowsThatADeviceSendsToOtherQueuesKeepTheirBackend) {
  RingPort& port = add_station(2);
  start(2);
  establish(port, 2);
  publish(1, 10000);
  ASSERT_TRUE(crew_->expect_moves(stations_));

  for (unsigned client = 0; client < kFlows; ++client) {
    receive(port.rx[(client + 1) % 2], client, "A");  // as after a new indirection table
  }
  collect_all(port);

  expect_nothing_moved();
  EXPECT_EQ(
      page(0).flow_events[FL_EVENT_INHERITED] + page(1).flow_events[FL_EVENT_INHERITED], kFlows
  );
  const base::Nanoseconds deadline = sys::monotonic_ns() + 20 * base::kSecond;
  while (in_flight() != kFlows && sys::monotonic_ns() < deadline) tick();
  EXPECT_EQ(in_flight(), kFlows) << "each flow is counted by one worker";
  EXPECT_EQ(
      page(0).flow_events[FL_EVENT_HANDED_OVER] + page(1).flow_events[FL_EVENT_HANDED_OVER], kFlows
  );
}

TEST_F(CrewOnRings, AStoppedWorkersFlowsAreFoundAndThenForgottenThere) {
  RingPort& port = add_station(2);
  start(2);
  establish(port, 2);
  publish(1, 10000);
  ASSERT_TRUE(crew_->arrange(stations_, 1));
  const std::uint64_t left = page(1).flows;
  EXPECT_EQ(left, kFlows / 2);

  for (unsigned client = 0; client < kFlows; ++client) receive(port.rx[client % 2], client, "A");
  collect_all(port);

  expect_nothing_moved();
  const base::Nanoseconds deadline = sys::monotonic_ns() + 20 * base::kSecond;
  while (page(1).flows != 0 && sys::monotonic_ns() < deadline) tick();
  EXPECT_EQ(page(1).flows, 0U) << "the main thread tends the table of a stopped worker";
  EXPECT_EQ(page(1).ack, 0U) << "a stopped worker holds no generation";
  EXPECT_EQ(in_flight(), kFlows);
}

// An update may have changed the limits since the start.
TEST_F(CrewOnRings, OthersTablesAreLookedIntoForAsLongAsFlowsMayIdleNow) {
  RingPort& port = add_station(2);
  longest_idle_ = 0;
  start(2);
  establish(port, 2);
  publish(1, 10000);

  longest_idle_ = 300 * base::kSecond;
  ASSERT_TRUE(crew_->arrange(stations_, 1));
  for (unsigned client = 0; client < kFlows; ++client) receive(port.rx[client % 2], client, "A");
  collect_all(port);

  expect_nothing_moved();
}

TEST_F(CrewOnRings, ALookIntoOthersTablesThatIsUnderWayLastsLongerIfFlowsDo) {
  RingPort& port = add_station(2);
  start(2);
  establish(port, 2);
  publish(1, 10000);

  longest_idle_ = base::kSecond;
  const base::Nanoseconds before = sys::monotonic_ns();
  ASSERT_TRUE(crew_->arrange(stations_, 1));
  const base::Nanoseconds over = sys::monotonic_ns() + longest_idle_;
  longest_idle_ = 300 * base::kSecond;
  ASSERT_TRUE(crew_->limits_changed(stations_));
  if (sys::monotonic_ns() >= before + base::kSecond) GTEST_SKIP() << "the machine stood still";
  while (sys::monotonic_ns() < over) tick();
  for (unsigned client = 0; client < kFlows; ++client) receive(port.rx[client % 2], client, "A");
  collect_all(port);

  expect_nothing_moved();
}

TEST_F(CrewOnRings, APortCanComeAndGoAndItsFlowsComeBackByAnother) {
  RingPort& first = add_station(2);
  start(2);
  RingPort& second = add_station(2);
  for (unsigned w = 0; w < 2; ++w) stations_.back()->neighbours->begin(w);
  ASSERT_TRUE(crew_->arrange(stations_, 2));
  tick();
  establish(second, 2);
  publish(1, 10000);

  ASSERT_TRUE(crew_->leave(stations_, *stations_.back()));
  stations_.back()->drop_packets();
  stations_.back()->port.unplug();
  stations_.pop_back();
  for (unsigned client = 0; client < kFlows; ++client) receive(first.rx[client % 2], client, "A");
  collect_all(first);

  expect_nothing_moved();
}

TEST_F(CrewOnRings, WorkersThatRestComeBackWithTheirFlows) {
  RingPort& port = add_station(2);
  start(2);
  establish(port, 2);
  publish(1, 10000);

  crew_->rest(stations_);
  EXPECT_EQ(crew_->running(), 0U);
  for (unsigned client = 0; client < kFlows; ++client) receive(port.rx[client % 2], client, "A");
  tick();
  EXPECT_LT(came_, sent_) << "nobody serves the queues";
  ASSERT_TRUE(crew_->arrange(stations_, 2));
  collect_all(port);

  expect_nothing_moved();
}

TEST_F(CrewOnRings, FewerWorkersAfterARestHaveTheOthersFlows) {
  RingPort& port = add_station(2);
  start(2);
  establish(port, 2);
  publish(1, 10000);

  crew_->rest(stations_);
  ASSERT_TRUE(crew_->arrange(stations_, 1));
  for (unsigned client = 0; client < kFlows; ++client) receive(port.rx[client % 2], client, "A");
  collect_all(port);

  expect_nothing_moved();
}

/// Notes whether two threads are ever in one queue at a time. The first that comes to the queue
/// after hold() stays inside until another comes or its patience ends.
class QueueWatch {
 public:
  explicit QueueWatch(Queue queue)
      : queue_(queue),
        callback_(rte_eth_add_rx_callback(queue.ethdev, queue.queue, &QueueWatch::polled, this)) {}
  ~QueueWatch() { (void)rte_eth_remove_rx_callback(queue_.ethdev, queue_.queue, callback_); }
  QueueWatch(const QueueWatch&) = delete;
  QueueWatch& operator=(const QueueWatch&) = delete;
  void hold() {
    hold_ = true;
    while (inside_ == 0) std::this_thread::yield();
  }
  [[nodiscard]] bool shared() const { return shared_; }

 private:
  static std::uint16_t polled(
      std::uint16_t, std::uint16_t, rte_mbuf**, std::uint16_t count, std::uint16_t, void* me
  ) {
    auto& watch = *static_cast<QueueWatch*>(me);
    if (watch.inside_ != 0) watch.shared_ = true;
    if (!watch.hold_.exchange(false)) return count;
    ++watch.inside_;
    const base::Nanoseconds until = sys::monotonic_ns() + kPatience;
    while (!watch.shared_ && sys::monotonic_ns() < until) std::this_thread::yield();
    --watch.inside_;
    return count;
  }
  // Longer only finds a bad crew more surely; a good one is never accused.
  static constexpr base::Nanoseconds kPatience = 300 * base::kMillisecond;

  Queue queue_;
  std::atomic<bool> hold_{false};
  std::atomic<bool> shared_{false};
  std::atomic<int> inside_{0};
  const rte_eth_rxtx_callback* callback_;
};

TEST_F(CrewOnRings, AQueueIsTakenOnlyWhenTheOneWhoHadItHasLetGo) {
  add_station(2);
  start(1);
  QueueWatch watch(stations_[0]->port.queue(1));
  for (const unsigned workers : {2U, 1U, 2U}) {
    watch.hold();
    ASSERT_TRUE(crew_->arrange(stations_, workers));
    EXPECT_FALSE(watch.shared()) << "on the way to " << workers << " workers";
    if (watch.shared()) break;
  }
  crew_->stop();
}

TEST_F(CrewOnRings, FlowsThatAProcessBeforeLeftAreFoundByOtherWorkers) {
  RingPort& port = add_station(3);
  start(3);
  establish(port, 3);
  publish(1, 10000);
  crew_->rest(stations_);

  start(1, 3);  // more would look anyway: rings spread as they like
  for (unsigned client = 0; client < kFlows; ++client) receive(port.rx[client % 3], client, "A");
  collect_all(port);

  expect_nothing_moved();
}

// They send fragments side by side, to the same backends.
TEST_F(CrewOnRings, EachWorkerCountsIdentificationsFromAPlaceOfItsOwn) {
  node_.outgoing.df = model::OuterDf::kClear;
  publish(100, 100);
  RingPort& port = add_station(2);
  start(2);

  for (unsigned q = 0; q < 2; ++q) {
    receive(port.rx[q], q, "S");
    void* out = nullptr;
    ASSERT_TRUE(testing::eventually([&] { return rte_ring_dequeue(port.tx[q], &out) == 0; }));
    auto* const m = static_cast<rte_mbuf*>(out);
    const auto* const bytes = rte_pktmbuf_mtod(m, const std::uint8_t*);
    EXPECT_EQ(bytes[18] << 8 | bytes[19], net::first_outer_id(q)) << "of worker " << q;
    rte_pktmbuf_free(m);
  }
}

TEST_F(CrewOnRings, CountsBeyondTheLimitAreRefusedAndChangeNothing) {
  add_station(2);
  start(2);

  for (const unsigned count : {0U, kMost + 1}) {
    const auto refused = crew_->arrange(stations_, count);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, base::ErrorCode::kInvalidArgument);
    EXPECT_NE(refused.error().what.find("workers.max"), std::string::npos);
  }
  EXPECT_EQ(crew_->running(), 2U);
}

TEST_F(CrewOnRings, AWorkerThatHangsWhileTheRegionIsReplacedTwiceComesToTheLast) {
  RingPort& port = add_station(1);
  const auto bank = writer_.current_bank();
  const std::vector<std::byte> first(bank.begin(), bank.end());
  publish(1, 10000);
  start(1);
  hang_at(stations_.front()->port.queue(0), port.rx[0]);
  const shm::Region second = *shm::Region::anonymous(shm::steering_spec(kBank), 2);
  shm::Region third = *shm::Region::anonymous(shm::steering_spec(kBank), 3);
  shm::GenerationWriter writer(third, workers_);
  const auto given = *writer.next_bank(sys::monotonic_ns());
  std::copy(first.begin(), first.end(), given.bytes.begin());
  writer.publish(sys::monotonic_ns());

  crew_->follow(second);
  crew_->follow(third);
  wake();
  const base::Nanoseconds deadline = sys::monotonic_ns() + 20 * base::kSecond;
  const auto read = [&] { return __atomic_load_n(&page(0).ack, __ATOMIC_ACQUIRE); };
  while (read() != 1 && sys::monotonic_ns() < deadline) {
    crew_->follow(third);
    std::this_thread::yield();
  }

  EXPECT_EQ(read(), 1U);
  crew_->stop();  // before the regions go
}

// It may be about to read what it was given: that is not freed under it. (AddressSanitizer sees
// it.)
TEST_F(CrewOnRings, AWorkerThatHangsKeepsWhatItWasGiven) {
  RingPort& port = add_station(2);
  start(2);
  hang_at(stations_.front()->port.queue(0), port.rx[0]);
  EXPECT_FALSE(crew_->expect_moves(stations_)) << "given, and not taken";
  const base::Nanoseconds from = sys::monotonic_ns();
  EXPECT_FALSE(crew_->expect_moves(stations_)) << "nothing is given before that is taken";
  wake();
  const base::Nanoseconds deadline = from + 20 * base::kSecond;
  while (!crew_->expect_moves(stations_) && sys::monotonic_ns() < deadline) tick();

  EXPECT_TRUE(crew_->expect_moves(stations_));
}

}  // namespace
}  // namespace fairlead::dataplane
