// SPDX-License-Identifier: BSD-3-Clause
// A flush while flows change workers: what one worker has yet to forget is not copied to another
// one, whose sweep is over, and nobody's flows are forgotten faster than the order says.
#include <memory>

#include <gtest/gtest.h>

#include "dataplane/path/flow_flush.hh"
#include "dataplane/steer/tuple_hash.hh"
#include "tests/testing/test_bank.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::path {
namespace {

using testing::Frame;
using testing::packet;

constexpr const char* kClient = "198.51.100.7";
constexpr const char* kTcpVip = "203.0.113.20";
constexpr const char* kUdpVip = "203.0.113.21";
constexpr std::uint16_t kFlows = 100;

Frame tcp(std::uint16_t client, const char* flags) {
  return packet().ipv4(kClient, kTcpVip).tcp(client, 80, flags);
}
Frame udp(std::uint16_t client) {
  return packet().ipv4(kClient, kUdpVip).udp(client, 53).payload(40);
}
Frame fragment(std::uint16_t client, std::uint16_t id) {
  return packet()
      .ipv4(kClient, kUdpVip)
      .id(id)
      .ipv4_fragment(0, true)
      .udp(client, 53)
      .udp_length(108)
      .payload(40);
}

/// Every new flow goes to the vip's member in `slot`: of TCP 0 or 1, of UDP 2 or 3.
testing::TestTable toward(std::uint32_t slot) {
  const std::vector<testing::TestMember> members = {
      {.address = "10.0.0.1", .backend = 0}, {.address = "10.0.0.2", .backend = 1}};
  testing::TestTable table;
  table.vips = {
      {.prefix = kTcpVip, .members = members, .slots = {slot}},
      {.prefix = kUdpVip,
       .protocol = net::IpProto::kUdp,
       .port = 53,
       .members = members,
       .slots = {slot}}};
  return table;
}

/// Worker 0 has the flows and needs several steps for its table; worker 1, whose table is done with
/// in one, gets their packets. New flows go to the second members by then.
class FlushAndPeers : public ::testing::Test {
 protected:
  FlushAndPeers() : pages_(std::make_unique<fl_workers>()) {
    heir_.context().worker = 1;
    tables_ = {former_.context().flows, heir_.context().flows};
    for (unsigned w = 0; w < 2; ++w) {
      WorkerContext& context = worker(w).context();
      worker(w).use(before_.view());
      context.peers = &peers_;
      peers_.set(w, &context.fragments->table);
      context.relatives.tables = tables_;
      context.relatives.pages = pages_->worker;
      context.relatives.order = &flush_[w].begun();
    }
    heir_.context().relatives.former = 1;
    heir_.context().relatives.until = heir_.context().now + 300 * base::kSecond;
    for (std::uint16_t client = 1; client <= kFlows; ++client) {
      former_.run_one(tcp(client, "S"));
      former_.run_one(tcp(client, "A"));
    }
    former_.run_one(udp(1));
    former_.run_one(udp(1));
    for (unsigned w = 0; w < 2; ++w) {
      worker(w).use(after_.view());
      watch(w);
    }
  }
  testing::TestWorker& worker(unsigned number) { return number == 0 ? former_ : heir_; }
  void watch(unsigned w) {
    flush_[w].watch(&order_, worker(w).page());
    publish(w);
  }
  void step(unsigned w) {
    flush_[w].step(worker(w).context());
    publish(w);
  }
  void finish(unsigned w) {
    for (int i = 0; i < 100; ++i) step(w);
    ASSERT_EQ(order_.sequence, worker(w).page().flush_sequence);
  }
  void ask(std::uint32_t vip) {
    order_.vip = vip;
    order_.backend = FL_ANY;
    order_.one_flow = 0;
    ++order_.sequence;
  }
  void expect_all(std::uint32_t member) {
    for (std::uint16_t client = 1; client <= kFlows; ++client)
      EXPECT_EQ(member, heir_.run_one(tcp(client, "A")).member) << client;
  }

  const testing::TestBank before_{toward(0)};
  const testing::TestBank after_{toward(1)};
  testing::TestWorker former_{4 * FlowFlush::kBucketsPerStep};
  testing::TestWorker heir_{FlowFlush::kBucketsPerStep};
  std::vector<flow::FlowTable> tables_;
  std::unique_ptr<fl_workers> pages_;
  Peers peers_;
  fl_flow_order order_{};
  FlowFlush flush_[2];

 private:
  void publish(unsigned w) { pages_->worker[w].flush_sequence = worker(w).page().flush_sequence; }
};

TEST_F(FlushAndPeers, AnHeirWhoIsDoneKeepsNothingThatTheFormerOwnerHasYetToForget) {
  ask(FL_ANY);
  finish(1);

  expect_all(0);  // not at once: the order's rate holds
  EXPECT_EQ(0U, heir_.context().flows.size());
  finish(0);
  expect_all(1);
}

TEST_F(FlushAndPeers, NorDoesOneWhoStartsMeanwhile) {
  ask(FL_ANY);
  flush_[1] = FlowFlush();
  watch(1);
  ASSERT_EQ(order_.sequence, heir_.page().flush_sequence);

  expect_all(0);
  finish(0);
  expect_all(1);
}

TEST_F(FlushAndPeers, AWorkerThatRestsGoesOnWithItsSweepWhenItRunsAgain) {
  ask(FL_ANY);
  step(0);
  ASSERT_NE(order_.sequence, former_.page().flush_sequence);

  watch(0);
  finish(0);

  EXPECT_EQ(0U, former_.context().flows.size());
}

TEST_F(FlushAndPeers, FlowsThatNoOrderMeansAreInheritedAsEver) {
  ask(1);
  finish(1);

  expect_all(0);
  EXPECT_EQ(kFlows, heir_.context().flows.size());
}

TEST_F(FlushAndPeers, AnOrderAboutOneFlowLeavesTheOthers) {
  ask(0);
  order_.one_flow = 1;
  const Frame frame = tcp(7, "A");
  net::ParsedPacket parsed;
  ASSERT_EQ(
      FL_REASON_NONE,
      net::parse_packet(
          {frame.data(), frame.size()}, static_cast<std::uint32_t>(frame.size()), parsed
      )
  );
  order_.hash = steer::tuple_hash(testing::kTestKey, parsed.tuple);
  finish(1);

  expect_all(0);
  EXPECT_EQ(kFlows - 1U, heir_.context().flows.size());
  finish(0);
  EXPECT_EQ(1U, heir_.run_one(tcp(7, "A")).member);
}

TEST_F(FlushAndPeers, WhenAllAreDoneNothingIsSpecialAnyMore) {
  ask(FL_ANY);
  finish(0);
  finish(1);
  former_.run_one(tcp(1000, "S"));

  EXPECT_EQ(1U, heir_.run_one(tcp(1000, "A")).member);
  EXPECT_EQ(1U, heir_.page().flow_events[FL_EVENT_INHERITED]);
}

TEST_F(FlushAndPeers, ANewConnectionOnAnEndedOneThatIsToBeForgottenBeginsAtOnce) {
  former_.run_one(tcp(1, "FA"));
  ask(FL_ANY);
  finish(1);

  EXPECT_EQ(0U, heir_.run_one(tcp(1, "A")).member);
  EXPECT_EQ(1U, heir_.run_one(tcp(1, "S")).member);
  EXPECT_EQ(1U, heir_.context().flows.size());
}

TEST_F(FlushAndPeers, AFragmentMakesNoCopyOfWhatIsToBeForgotten) {
  heir_.context().relatives.former = 0;
  ask(FL_ANY);
  finish(1);

  EXPECT_EQ(2U, heir_.run_one(fragment(1, 1)).member);
  EXPECT_EQ(0U, heir_.context().flows.size());
  finish(0);
  EXPECT_EQ(3U, heir_.run_one(fragment(1, 2)).member);
}

TEST_F(FlushAndPeers, NorDoWholePacketsOfAFlowOfFragments) {
  heir_.context().relatives.former = 0;
  former_.run_one(fragment(1, 1));
  ask(FL_ANY);
  finish(1);

  EXPECT_EQ(2U, heir_.run_one(udp(1)).member);
  EXPECT_EQ(0U, heir_.context().flows.size());
  finish(0);
  EXPECT_EQ(3U, heir_.run_one(udp(1)).member);
}

}  // namespace
}  // namespace fairlead::path
