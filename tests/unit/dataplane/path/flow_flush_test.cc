// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/path/flow_flush.hh"

#include <array>
#include <cstring>
#include <deque>
#include <initializer_list>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/shm/region.hh"
#include "dataplane/steer/flow_order.hh"
#include "tests/testing/test_bank.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::path {
namespace {

using testing::packet;

/// Two vips with the same two backends; 1000 confirmed flows on each vip, backends in turn.
struct Flushed {
  Flushed() : bank(table()), worker(1024) {
    worker.use(bank.view());
    flush.watch(&order, worker.page());
    for (std::uint16_t port = 2000; port < 3000; ++port)
      for (const char* flags : {"S", "A"}) {
        worker.run_one(packet().ipv4("198.51.100.7", "203.0.113.20").tcp(port, 80, flags));
        worker.run_one(packet().ipv4("198.51.100.7", "203.0.113.21").tcp(port, 80, flags));
      }
  }
  static testing::TestTable table() {
    const std::vector<testing::TestMember> members = {
        {.address = "10.0.1.1", .backend = 0}, {.address = "10.0.1.2", .backend = 1}};
    testing::TestTable out;
    out.vips = {
        {.prefix = "203.0.113.20", .members = members},
        {.prefix = "203.0.113.21", .members = members}};
    return out;
  }
  void ask(std::uint32_t vip, std::uint32_t backend, std::uint32_t per_second) {
    order.vip = vip;
    order.backend = backend;
    order.per_second = per_second;
    order.one_flow = 0;
    ++order.sequence;
  }
  [[nodiscard]] bool done() const { return page().flush_sequence == order.sequence; }
  [[nodiscard]] const fl_worker_page& page() const {
    return *const_cast<Flushed*>(this)->worker.context().page;
  }
  [[nodiscard]] std::uint64_t flushed() const { return page().flow_events[FL_EVENT_FLUSHED]; }
  /// Entries by vip and backend.
  std::array<std::array<unsigned, 2>, 2> entries() {
    std::array<std::array<unsigned, 2>, 2> out{};
    worker.context().flows.for_each([&](std::uint32_t number, flow::FlowState, flow::Tick) {
      const fl_member& member = bank.view().member(number);
      ++out[member.vip][member.backend];
    });
    return out;
  }

  testing::TestBank bank;
  testing::TestWorker worker;
  fl_flow_order order{};
  FlowFlush flush;
};

TEST(FlowFlush, ForgetsAVipsFlowsAndNoOthers) {
  Flushed f;
  const auto before = f.entries();
  f.ask(1, FL_ANY, 0);
  for (int i = 0; i < 100 && !f.done(); ++i) f.flush.step(f.worker.context());

  EXPECT_TRUE(f.done());
  const auto after = f.entries();
  EXPECT_EQ(before[0], after[0]);
  EXPECT_EQ((std::array<unsigned, 2>{0, 0}), after[1]);
  EXPECT_EQ(1000U, f.flushed());
  EXPECT_EQ(1000U, f.page().vips[1].events[FL_EVENT_FLUSHED]);
  EXPECT_EQ(before[0][0], f.page().backends[0].in_flight);
  EXPECT_EQ(1000U, f.page().flows);
}

TEST(FlowFlush, ForgetsABackendsFlowsOfOneVipOrAll) {
  Flushed f;
  const auto before = f.entries();
  f.ask(0, 1, 0);
  for (int i = 0; i < 100 && !f.done(); ++i) f.flush.step(f.worker.context());
  EXPECT_EQ(before[0][1], f.flushed());
  EXPECT_EQ(before[1], f.entries()[1]);

  f.ask(FL_ANY, 1, 0);
  for (int i = 0; i < 100 && !f.done(); ++i) f.flush.step(f.worker.context());
  EXPECT_EQ(0U, f.entries()[1][1]);
  EXPECT_EQ(before[1][0], f.entries()[1][0]);
  EXPECT_EQ(0U, f.page().backends[1].in_flight);
}

TEST(FlowFlush, ForgetsOneFlow) {
  Flushed f;
  const testing::Frame frame = packet().ipv4("198.51.100.7", "203.0.113.20").tcp(2500, 80, "A");
  f.order.one_flow = 1;
  f.order.vip = 0;
  f.order.backend = FL_ANY;
  std::uint8_t wire[12];  // addresses and ports as they lie in the frame
  std::copy_n(frame.begin() + 26, 12, wire);
  std::uint64_t addresses;
  std::uint32_t ports;
  std::memcpy(&addresses, wire, 8);
  std::memcpy(&ports, wire + 8, 4);
  f.order.hash = fl_flow_hash4(testing::kTestKey, addresses, ports, 6);
  ++f.order.sequence;
  f.flush.step(f.worker.context());

  EXPECT_TRUE(f.done());
  EXPECT_EQ(1U, f.flushed());
  EXPECT_EQ(flow::kNoPosition, f.worker.context().flows.find(f.order.hash));
}

TEST(FlowFlush, KeepsToItsRate) {
  Flushed f;
  f.ask(FL_ANY, FL_ANY, 500);
  std::uint64_t before = 0;
  for (int ms = 0; ms < 1000; ++ms) {
    f.worker.advance(base::kMillisecond);
    f.flush.step(f.worker.context());
    EXPECT_LE(f.flushed() - before, FL_FLOW_ENTRIES);
    before = f.flushed();
  }

  EXPECT_NEAR(500.0, static_cast<double>(f.flushed()), FL_FLOW_ENTRIES);
  EXPECT_FALSE(f.done());
}

TEST(FlowFlush, CatchesUpATenthOfASecondOfItsRateAfterAPause) {
  Flushed f;
  f.ask(FL_ANY, FL_ANY, 2000);
  f.flush.step(f.worker.context());
  const std::uint64_t before = f.flushed();

  f.worker.advance(10 * base::kSecond);
  f.flush.step(f.worker.context());

  EXPECT_NEAR(200.0, static_cast<double>(f.flushed() - before), FL_FLOW_ENTRIES);
}

TEST(FlowFlush, DoesNotBeginAnOrderThatIsStillBeingWritten) {
  Flushed f;
  const auto before = f.entries();
  f.ask(FL_ANY, FL_ANY, 0);  // would be everybody's flows; its vip is not written yet
  f.order.sequence |= steer::kOrderBeingWritten;
  for (int i = 0; i < 100; ++i) f.flush.step(f.worker.context());
  EXPECT_EQ(before, f.entries());

  f.order.vip = 1;
  f.order.sequence &= ~steer::kOrderBeingWritten;
  for (int i = 0; i < 100 && !f.done(); ++i) f.flush.step(f.worker.context());

  EXPECT_TRUE(f.done());
  EXPECT_EQ(before[0], f.entries()[0]);
  EXPECT_EQ((std::array<unsigned, 2>{0, 0}), f.entries()[1]);
}

TEST(FlowFlush, GoesOnWithANewOrderFromTheBeginning) {
  Flushed f;
  f.ask(0, FL_ANY, 0);
  f.flush.step(f.worker.context());
  ASSERT_FALSE(f.done());

  f.ask(1, FL_ANY, 0);
  for (int i = 0; i < 100 && !f.done(); ++i) f.flush.step(f.worker.context());

  EXPECT_EQ((std::array<unsigned, 2>{0, 0}), f.entries()[1]);
  EXPECT_GT(f.entries()[0][0], 0U) << "nobody asks for the first one any more";
}

TEST(FlowFlush, LooksAtABoundedPieceOfTheTablePerStep) {
  Flushed f;
  f.ask(FL_ANY, FL_ANY, 0);
  f.flush.step(f.worker.context());

  EXPECT_EQ(FlowFlush::kBucketsPerStep, f.page().flush_buckets);
  EXPECT_GT(f.page().flows, 1000U);
}

TEST(FlowFlush, AnOrderThatWasThereBeforeIsNotCarriedOut) {
  Flushed f;
  f.ask(FL_ANY, FL_ANY, 0);
  FlowFlush restarted;
  restarted.watch(&f.order, f.worker.page());
  restarted.step(f.worker.context());

  EXPECT_TRUE(f.done());
  EXPECT_EQ(0U, f.flushed());
}

TEST(FlowFlush, AnOrderThatIsBeingWrittenWhenItStartsIsCarriedOut) {
  Flushed f;
  f.ask(FL_ANY, FL_ANY, 0);
  f.order.sequence = 2 | steer::kOrderBeingWritten;
  FlowFlush restarted;
  restarted.watch(&f.order, f.worker.page());
  EXPECT_EQ(1U, f.page().flush_sequence);
  f.order.sequence = 2;
  for (int i = 0; i < 100 && !f.done(); ++i) restarted.step(f.worker.context());

  EXPECT_TRUE(f.done());
  EXPECT_EQ(2000U, f.flushed());
}

constexpr auto kAllTcp = [](std::uint32_t) -> std::uint8_t { return 6; };

// Where a large part of the table has none of them, what it might have forgotten meanwhile is not
// saved up for the part that has.
TEST(FlowFlush, DoesNotSaveUpItsRateWhileItFindsNothing) {
  const testing::TestBank bank(Flushed::table());
  testing::TestWorker worker(4 * FlowFlush::kBucketsPerStep);
  worker.use(bank.view());
  fl_flow_order order{};
  FlowFlush flush;
  flush.watch(&order, worker.page());
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const std::uint64_t bucket = 3 * FlowFlush::kBucketsPerStep + i % FlowFlush::kBucketsPerStep;
    (void)worker.context().flows.insert(
        i << 40 | bucket, 0, flow::FlowState::kConfirmed, 0, worker.context().limits, kAllTcp
    );
  }
  order.vip = order.backend = FL_ANY;
  order.per_second = 1000;
  order.sequence = 1;

  for (int step = 0; step < 4; ++step) {
    flush.step(worker.context());
    worker.advance(100 * base::kMillisecond);
  }

  EXPECT_GT(worker.page().flow_events[FL_EVENT_FLUSHED], 0U);
  EXPECT_LE(worker.page().flow_events[FL_EVENT_FLUSHED], 100U + FL_FLOW_ENTRIES);
}

/// Workers who share the rate of one order. Their tables have a flow in each bucket, or none.
class Sharers {
 public:
  explicit Sharers(std::initializer_list<bool> full) {
    for (const bool has_flows : full) {
      const unsigned w = pages().worker_count++;
      testing::TestWorker& worker =
          *workers_.emplace_back(std::make_unique<testing::TestWorker>(kBuckets));
      worker.use(bank_.view());
      worker.context().page = &pages().worker[w];
      flushes_.emplace_back().watch(&order_, pages().worker[w], &pages());
      for (std::uint64_t bucket = 0; has_flows && bucket < kBuckets; ++bucket)
        (void)worker.context().flows.insert(
            (bucket + 1) << 40 | bucket,
            0,
            flow::FlowState::kConfirmed,
            0,
            worker.context().limits,
            kAllTcp
        );
    }
  }
  void ask(std::uint32_t per_second) {
    order_.vip = order_.backend = FL_ANY;
    order_.per_second = per_second;
    ++order_.sequence;
  }
  void advance(base::Nanoseconds by) {
    for (std::size_t w = 0; w < workers_.size(); ++w) {
      workers_[w]->advance(by);
      flushes_[w].step(workers_[w]->context());
    }
  }
  [[nodiscard]] std::uint64_t flushed() {
    std::uint64_t sum = 0;
    for (std::size_t w = 0; w < workers_.size(); ++w)
      sum += pages().worker[w].flow_events[FL_EVENT_FLUSHED];
    return sum;
  }

 private:
  fl_workers& pages() { return *region_.at<fl_workers>(0); }

  static constexpr std::uint64_t kBuckets = 2048;
  const testing::TestBank bank_{Flushed::table()};
  shm::Region region_ = *shm::Region::anonymous(shm::workers_spec(), 1);
  std::vector<std::unique_ptr<testing::TestWorker>> workers_;
  std::deque<FlowFlush> flushes_;
  fl_flow_order order_{};
};

TEST(FlowFlush, AllWorkersTogetherKeepToTheRateHoweverLowItIs) {
  for (const std::uint32_t rate : {1U, 3U, 1000U}) {
    Sharers workers({true, true, true, true});
    workers.ask(rate);
    workers.advance(0);
    for (unsigned ms = 1; ms <= 5000; ++ms) {
      workers.advance(base::kMillisecond);
      ASSERT_LE(workers.flushed() * 1000, std::uint64_t{rate} * ms) << rate << " a second";
    }
    EXPECT_GT(workers.flushed() + 4, std::uint64_t{rate} * 5) << "each may have part of one left";
  }
}

TEST(FlowFlush, WhoIsThroughLeavesItsShareToTheOthers) {
  Sharers workers({true, false, false, false});
  workers.ask(1000);
  for (unsigned ms = 0; ms < 1000; ++ms) workers.advance(base::kMillisecond);

  EXPECT_GT(workers.flushed(), 980U);
}

// Entries change places while new flows crowd in; none of the old may slip behind the sweep.
TEST(FlowFlush, MeetsFlowsThatMoveWhileItIsAtWork) {
  const testing::TestBank bank(Flushed::table());
  testing::TestWorker worker(1024);
  worker.use(bank.view());
  fl_flow_order order{};
  FlowFlush flush;
  flush.watch(&order, worker.page());
  flow::FlowTable& flows = worker.context().flows;
  const auto enter = [&](std::uint64_t i, std::uint32_t member) {
    const std::uint64_t hash = (i + 1) * 0x9e3779b97f4a7c15ULL;
    (void)flows.insert(
        hash ^ hash >> 29, member, flow::FlowState::kConfirmed, 0, worker.context().limits, kAllTcp
    );
  };
  std::uint64_t next = 0;
  while (flows.size() < flows.capacity() * 9 / 10) enter(next++, 2);  // of vip 1
  order.vip = 1;
  order.backend = FL_ANY;
  order.per_second = 2000;
  order.sequence = 1;
  while (worker.page().flush_sequence != 1) {
    worker.advance(base::kMillisecond);
    flush.step(worker.context());
    for (int k = 0; k < 4; ++k) enter(next++, 0);  // of vip 0
  }

  flows.for_each([&](std::uint32_t member, flow::FlowState, flow::Tick) { EXPECT_EQ(0U, member); });
}

}  // namespace
}  // namespace fairlead::path
