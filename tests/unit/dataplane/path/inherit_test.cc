// SPDX-License-Identifier: BSD-3-Clause
// A flow whose packets come to another worker from now on keeps its backend, and is counted once.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "tests/testing/test_bank.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::path {
namespace {

using testing::Frame;
using testing::packet;

constexpr std::uint16_t kFlows = 100;

Frame tcp(std::uint16_t client, const char* flags) {
  return packet().ipv4("198.51.100.7", "203.0.113.20").tcp(client, 80, flags);
}
Frame udp(std::uint16_t client) {
  return packet().ipv4("198.51.100.7", "203.0.113.21").udp(client, 53);
}

/// Every new flow goes to the member in `slot`.
testing::TestTable toward(std::uint32_t slot) {
  const std::vector<testing::TestMember> members = {
      {.address = "10.0.0.1", .backend = 0}, {.address = "10.0.0.2", .backend = 1}};
  testing::TestTable table;
  table.vips = {
      {.prefix = "203.0.113.20", .members = members, .slots = {slot}},
      {.prefix = "203.0.113.21",
       .protocol = net::IpProto::kUdp,
       .port = 53,
       .members = members,
       .slots = {slot}}};
  return table;
}

/// Two workers; what `heir` does not know it looks for in `former`'s table. The table now in force
/// sends new flows to member 1, the flows of `former` began with one that sent them to member 0.
class Inherit : public ::testing::Test {
 protected:
  explicit Inherit(std::uint64_t heir_buckets = 64) : heir_(heir_buckets) {
    former_.use(before_.view());
    heir_.use(after_.view());
  }
  void establish() {
    for (std::uint16_t client = 1; client <= kFlows; ++client) {
      former_.run_one(tcp(client, "S"));
      former_.run_one(tcp(client, "A"));
    }
  }
  void begin_inheritance() {
    tables_ = {former_.context().flows, heir_.context().flows};
    Relatives& relatives = heir_.context().relatives;
    relatives.tables = tables_;
    relatives.former = 1;
    relatives.until = heir_.context().now + 300 * base::kSecond;
    relatives.inherited = &notes_;
  }
  void deliver_notes() {
    Inheritance note;
    while (notes_.try_pop(note)) hand_over(former_.context(), note);
  }

  const testing::TestBank before_{toward(0)};
  const testing::TestBank after_{toward(1)};
  testing::TestWorker former_;
  testing::TestWorker heir_;
  std::vector<flow::FlowTable> tables_;
  Sink<Inheritance> notes_{256};
};

TEST_F(Inherit, KeepsEveryFlowOnItsBackend) {
  establish();
  begin_inheritance();

  for (std::uint16_t client = 1; client <= kFlows; ++client)
    EXPECT_EQ(0U, heir_.run_one(tcp(client, "A")).member) << client;

  EXPECT_EQ(1U, heir_.run_one(tcp(kFlows + 1, "S")).member) << "a new flow follows the new table";
  EXPECT_EQ(heir_.page().flow_events[FL_EVENT_INHERITED], kFlows);
  EXPECT_EQ(heir_.context().flows.size(), kFlows + 1U);
}

TEST_F(Inherit, WithoutItTheyWouldMove) {
  establish();
  EXPECT_EQ(1U, heir_.run_one(tcp(1, "A")).member);
}

TEST_F(Inherit, ASpoofedSynMovesNothing) {
  establish();
  begin_inheritance();

  EXPECT_EQ(0U, heir_.run_one(tcp(1, "S")).member);
  EXPECT_EQ(0U, heir_.run_one(tcp(1, "A")).member);
}

TEST_F(Inherit, HalfOpenFlowsCompleteWithTheirBackend) {
  former_.run_one(tcp(1, "S"));
  begin_inheritance();

  EXPECT_EQ(0U, heir_.run_one(tcp(1, "A")).member);
  EXPECT_EQ(heir_.page().backends[0].flows_completed, 1U);
}

TEST_F(Inherit, UdpFlowsToo) {
  former_.run_one(udp(1000));
  former_.run_one(udp(1000));
  begin_inheritance();

  EXPECT_EQ(2U, heir_.run_one(udp(1000)).member);  // the second vip's members are 2 and 3
  EXPECT_EQ(3U, heir_.run_one(udp(1001)).member);
}

TEST_F(Inherit, AFlowIsCountedOnce) {
  establish();
  begin_inheritance();
  for (std::uint16_t client = 1; client <= kFlows; ++client) heir_.run_one(tcp(client, "A"));
  deliver_notes();

  EXPECT_EQ(former_.page().backends[0].in_flight, 0U);
  EXPECT_EQ(former_.page().flows, 0U);
  EXPECT_EQ(former_.page().flow_events[FL_EVENT_HANDED_OVER], kFlows);
  EXPECT_EQ(heir_.page().backends[0].in_flight, kFlows);
}

TEST_F(Inherit, TwoPacketsInOneBurstInheritOnce) {
  establish();
  begin_inheritance();

  const auto results = heir_.run({tcp(1, "A"), tcp(1, "A")});

  EXPECT_EQ(results[0].member, 0U);
  EXPECT_EQ(results[1].member, 0U);
  EXPECT_EQ(heir_.page().flow_events[FL_EVENT_INHERITED], 1U);
}

TEST_F(Inherit, FlowsCanGoBackAgain) {
  establish();
  begin_inheritance();
  for (std::uint16_t client = 1; client <= kFlows; ++client) heir_.run_one(tcp(client, "A"));
  deliver_notes();
  former_.use(after_.view());
  former_.context().relatives = {
      .tables = tables_, .former = 2, .until = former_.context().now + base::kSecond};

  for (std::uint16_t client = 1; client <= kFlows; ++client)
    EXPECT_EQ(0U, former_.run_one(tcp(client, "A")).member) << client;
}

TEST_F(Inherit, WhatIdledOutIsNoLegacy) {
  establish();
  begin_inheritance();
  heir_.context().relatives.until += 1000 * base::kSecond;
  heir_.advance(302 * base::kSecond);

  EXPECT_EQ(1U, heir_.run_one(tcp(1, "A")).member);
}

TEST_F(Inherit, EndsWithItsTime) {
  establish();
  begin_inheritance();
  heir_.context().relatives.until = heir_.context().now + base::kSecond;
  heir_.advance(2 * base::kSecond);

  EXPECT_EQ(1U, heir_.run_one(tcp(1, "A")).member);
  EXPECT_EQ(heir_.context().relatives.former, 0U);
}

TEST_F(Inherit, ABackendThatIsDownIsLeft) {
  establish();
  begin_inheritance();
  testing::TestTable table = toward(1);
  table.vips[0].members[0].state = FL_MEMBER_DOWN;
  const testing::TestBank down(table);
  heir_.use(down.view());

  EXPECT_EQ(1U, heir_.run_one(tcp(1, "A")).member);
}

TEST_F(Inherit, TheYoungestEntryCountsIfSeveralKnowTheFlow) {
  testing::TestWorker third;
  third.use(after_.view());
  const auto establish_at = [](testing::TestWorker& worker, std::uint16_t client) {
    worker.run_one(tcp(client, "S"));
    worker.run_one(tcp(client, "A"));
  };
  establish_at(former_, 1);
  establish_at(third, 2);
  for (testing::TestWorker* worker : {&former_, &third, &heir_}) worker->advance(2 * base::kSecond);
  establish_at(third, 1);
  establish_at(former_, 2);
  begin_inheritance();
  tables_ = {former_.context().flows, heir_.context().flows, third.context().flows};
  heir_.context().relatives.tables = tables_;
  heir_.context().relatives.former = 1U << 0 | 1U << 2;

  EXPECT_EQ(1U, heir_.run_one(tcp(1, "A")).member) << "the third worker's";
  EXPECT_EQ(0U, heir_.run_one(tcp(2, "A")).member) << "the first worker's";
}

// A client whose backend is silent repeats its SYN; an earlier connection of the same port is in
// another worker's table.
TEST_F(Inherit, WhatTheOwnTableHasLetGoIsNotBroughtBack) {
  former_.run_one(tcp(1, "S"));
  former_.run_one(tcp(1, "A"));
  heir_.use(before_.view());
  EXPECT_EQ(0U, heir_.run_one(tcp(1, "S")).member);
  begin_inheritance();
  fl_backend_counters& silent = heir_.page().backends[0];
  silent.ejected_until_ns = heir_.context().now + base::kSecond;
  heir_.use(after_.view());

  EXPECT_EQ(1U, heir_.run_one(tcp(1, "S")).member);
  EXPECT_EQ(0U, heir_.page().flow_events[FL_EVENT_INHERITED]);
}

class InheritIntoAFullTable : public Inherit {
 protected:
  InheritIntoAFullTable() : Inherit(2) {}
};

TEST_F(InheritIntoAFullTable, FlowsWithoutRoomStayWithTheirBackendAllTheSame) {
  establish();
  begin_inheritance();

  for (unsigned round = 0; round < 2; ++round)
    for (std::uint16_t client = 1; client <= kFlows; ++client)
      EXPECT_EQ(0U, heir_.run_one(tcp(client, "A")).member) << client;

  EXPECT_LE(heir_.page().flow_events[FL_EVENT_INHERITED], 16U);
}

// The former owner goes on with other flows, which move its entries about, while they are read.
TEST_F(Inherit, NoFlowIsMissedWhileTheFormerOwnerWrites) {
  establish();
  std::atomic<bool> stop{false};
  std::atomic<unsigned> churned{0};
  std::jthread owner([&] {
    std::uint16_t client = 10'000;
    while (!stop.load()) {
      former_.run_one(tcp(client++, "S"));
      if (client == 0) client = 10'000;
      churned.fetch_add(1);
    }
  });
  unsigned moved = 0;
  for (unsigned round = 0; round < 200 || churned.load() < 10'000; ++round) {
    testing::TestWorker heir;
    heir.use(after_.view());
    const std::vector<flow::FlowTable> tables = {former_.context().flows};
    heir.context().relatives = {
        .tables = tables, .former = 1, .until = heir.context().now + base::kSecond};
    for (std::uint16_t client = 1; client <= kFlows; ++client)
      if (heir.run_one(tcp(client, "A")).member != 0) ++moved;
  }
  stop = true;

  EXPECT_EQ(moved, 0U);
}

}  // namespace
}  // namespace fairlead::path
