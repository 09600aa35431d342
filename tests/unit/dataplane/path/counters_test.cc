// SPDX-License-Identifier: BSD-3-Clause
// The books: what a worker's page says after packets of all kinds.
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "tests/testing/test_bank.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::path {
namespace {

using testing::Frame;
using testing::packet;
using testing::TestBank;
using testing::TestWorker;

constexpr const char* kVip = "203.0.113.20";

testing::TestTable table(unsigned backends = 3) {
  testing::TestTable out;
  std::vector<testing::TestMember> members;
  for (unsigned i = 0; i < backends; ++i)
    members.push_back({.address = "10.0.1." + std::to_string(i + 1), .backend = i});
  out.vips = {
      {.prefix = kVip, .choices = 2, .members = members},
      {.prefix = kVip, .protocol = net::IpProto::kUdp, .port = 53, .members = {members[0]}},
  };
  return out;
}

Frame tcp(std::uint16_t client, const char* flags) {
  return packet().ipv4("198.51.100.7", kVip).tcp(client, 80, flags);
}

TEST(Counters, InFlightFollowsAConnectionFromSynToFin) {
  testing::TestTable one = table(1);
  const TestBank bank(one);
  TestWorker worker;
  worker.use(bank.view());
  const auto& b = worker.page().backends[0];

  worker.run_one(tcp(1000, "S"));
  EXPECT_EQ(1U, b.in_flight);
  EXPECT_EQ(1U, b.flows_begun);
  EXPECT_EQ(0U, b.flows_completed);
  worker.run_one(tcp(1000, "A"));
  EXPECT_EQ(1U, b.in_flight);
  EXPECT_EQ(1U, b.flows_completed);
  EXPECT_EQ(0U, b.pending);
  worker.run_one(tcp(1000, "FA"));
  EXPECT_EQ(0U, b.in_flight);
  worker.run_one(tcp(1000, "A"));
  EXPECT_EQ(0U, b.in_flight);
}

TEST(Counters, InFlightIsNeverLessThanNothing) {
  const TestBank bank(table(1));
  TestWorker worker;
  worker.use(bank.view());
  worker.run_one(tcp(1000, "S"));
  worker.page().backends[0].in_flight = 0;  // a page that was damaged

  worker.run_one(tcp(1000, "R"));

  EXPECT_EQ(0U, worker.page().backends[0].in_flight);
}

TEST(Counters, AnExpiredFlowLeavesItsBackendsCount) {
  const TestBank bank(table(1));
  TestWorker worker;
  worker.use(bank.view());
  for (std::uint16_t client = 1000; client < 1010; ++client) worker.run_one(tcp(client, "S"));
  ASSERT_EQ(10U, worker.page().backends[0].in_flight);

  for (int i = 0; i < 100; ++i) {
    worker.advance(100 * base::kMillisecond);
    path::maintain(worker.context());
  }

  EXPECT_EQ(0U, worker.page().backends[0].in_flight);
  EXPECT_EQ(10U, worker.page().flow_events[FL_EVENT_EXPIRED_NEW]);
  EXPECT_EQ(10U, worker.page().vips[0].events[FL_EVENT_EXPIRED_NEW]);
  EXPECT_EQ(0U, worker.page().flows);
}

TEST(Counters, AFlowThatMovesIsCountedWhereItIs) {
  testing::TestTable first = table(2);
  first.vips[0].slots = {0};
  first.vips[0].choices = 1;
  testing::TestTable second = first;
  second.vips[0].slots = {1};
  second.vips[0].members[0].state = FL_MEMBER_DOWN;
  const TestBank before(first);
  const TestBank after(second);
  TestWorker worker;
  worker.use(before.view());
  worker.run_one(tcp(1000, "S"));
  ASSERT_EQ(1U, worker.page().backends[0].in_flight);

  worker.use(after.view());
  worker.run_one(tcp(1000, "S"));

  EXPECT_EQ(0U, worker.page().backends[0].in_flight);
  EXPECT_EQ(1U, worker.page().backends[1].in_flight);
}

TEST(Counters, VipAndBackendCountInnerBytes) {
  const TestBank bank(table(1));
  TestWorker worker;
  worker.use(bank.view());
  worker.run_one(packet().vlan(5).ipv4("198.51.100.7", kVip).tcp(1000, 80, "S").pad_to(80));

  EXPECT_EQ(40U, worker.page().vips[0].bytes);
  EXPECT_EQ(40U, worker.page().backends[0].bytes);
  EXPECT_EQ(1U, worker.page().vips[0].packets);
  EXPECT_EQ(1U, worker.page().vips[0].misses);
  EXPECT_EQ(1U, worker.page().vips[0].inserts);
}

TEST(Counters, AFullTableRefusesAndSaysSo) {
  const TestBank bank(table(1));
  TestWorker worker(2);
  worker.use(bank.view());
  for (std::uint16_t client = 1000; client < 1100; ++client) {
    worker.run_one(tcp(client, "S"));
    worker.run_one(tcp(client, "A"));
  }

  EXPECT_GT(worker.page().flow_inserts_refused, 0U);
  EXPECT_EQ(worker.page().flow_inserts_refused, worker.page().vips[0].inserts_refused);
  EXPECT_EQ(16U, worker.page().flows);
  EXPECT_EQ(16U, worker.page().backends[0].in_flight);
  EXPECT_EQ(0, worker.unaccounted());
}

/// inserts = entries + what has left, for the worker and each vip; and every way out was taken.
void expect_entries_add_up(TestWorker& worker, const steer::TableView& table) {
  std::vector<std::uint64_t> entries(2);
  worker.context().flows.for_each([&](std::uint32_t member, flow::FlowState, flow::Tick) {
    ++entries[table.member(member).vip];
  });
  const auto left = [](const std::uint64_t(&events)[FL_EVENT_COUNT]) {
    return std::accumulate(events, events + FL_EVENT_HANDED_OVER + 1, std::uint64_t{0});
  };
  const fl_worker_page& page = worker.page();
  EXPECT_EQ(page.flow_inserts, worker.context().flows.size() + left(page.flow_events));
  for (std::size_t v = 0; v < 2; ++v)
    EXPECT_EQ(page.vips[v].inserts, entries[v] + left(page.vips[v].events)) << v;
  for (std::size_t e = 0; e < FL_EVENT_COUNT; ++e)
    EXPECT_EQ(page.flow_events[e], page.vips[0].events[e] + page.vips[1].events[e]) << e;
  for (const fl_flow_event e :
       {FL_EVENT_EVICTED_NEW,
        FL_EVENT_EVICTED_CLOSING,
        FL_EVENT_EVICTED_RESET,
        FL_EVENT_REUSED,
        FL_EVENT_REROUTED,
        FL_EVENT_ADOPTED})
    EXPECT_GT(page.flow_events[e], 0U) << e;
  EXPECT_EQ(0U, page.flow_events[FL_EVENT_EVICTED_CONFIRMED]);
}

TEST(Counters, AddUpAfterAnyMixOfPackets) {
  const TestBank bank(table());
  TestWorker worker(16);
  worker.use(bank.view());
  std::mt19937 random(3);
  const char* const flags[] = {"S", "A", "A", "FA", "R", "SA", "SF", ""};
  for (int burst = 0; burst < 3000; ++burst) {
    std::vector<Frame> frames;
    for (int i = 0; i < 32; ++i) {
      const auto client = static_cast<std::uint16_t>(1000 + random() % 400);
      Frame frame = random() % 4 == 0
                        ? Frame(packet().ipv4("198.51.100.7", kVip).udp(client, 53).payload(4))
                        : tcp(client, flags[random() % 8]);
      if (random() % 16 == 0) frame[random() % frame.size()] ^= 0x10;
      frames.push_back(frame);
    }
    worker.advance(random() % (200 * base::kMillisecond));
    worker.run(frames);
    ASSERT_EQ(0, worker.unaccounted());
  }

  // in_flight must equal the table's new and confirmed entries, backend by backend.
  std::vector<std::uint32_t> open(3);
  worker.context().flows.for_each([&](std::uint32_t member, flow::FlowState state, flow::Tick) {
    if (state == flow::FlowState::kNew || state == flow::FlowState::kConfirmed)
      ++open[bank.view().member(member).backend];
  });
  for (unsigned b = 0; b < 3; ++b) EXPECT_EQ(open[b], worker.page().backends[b].in_flight) << b;
  EXPECT_EQ(worker.context().flows.size(), worker.page().flows);
  expect_entries_add_up(worker, bank.view());
  EXPECT_EQ(
      worker.page().vips[0].packets + worker.page().vips[1].packets, worker.page().tx_packets
  );
}

}  // namespace
}  // namespace fairlead::path
