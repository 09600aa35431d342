// SPDX-License-Identifier: BSD-3-Clause
// Every transition of the flow state machine, in a table: what was, which segment came, what is.
#include "dataplane/path/flow_state.hh"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/testing/test_bank.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::path {
namespace {

using flow::FlowState;
using testing::Frame;
using testing::packet;
using testing::TestBank;
using testing::TestWorker;

constexpr const char* kVip = "203.0.113.20";
constexpr std::uint32_t kSoon = 20;    // ms: in the tick of the packet before
constexpr std::uint32_t kLater = 600;  // ms: in a later tick

/// One TCP and one UDP vip; their slots name one of two backends.
testing::TestTable toward(std::uint32_t backend, std::uint8_t first_state = FL_MEMBER_ACTIVE) {
  const std::vector<testing::TestMember> members = {
      {.address = "10.0.1.1", .state = first_state, .backend = 0},
      {.address = "10.0.1.2", .backend = 1},
  };
  testing::TestTable out;
  out.vips = {
      {.prefix = kVip, .members = members, .slots = {backend}},
      {.prefix = kVip,
       .protocol = net::IpProto::kUdp,
       .port = 53,
       .members = members,
       .slots = {backend}},
      {.prefix = "203.0.113.21",
       .protocol = net::IpProto::kUdp,
       .port = 53,
       .members = members,
       .slots = {backend},
       .flags = FL_VIP_STATELESS},
  };
  return out;
}

Frame segment(const std::string& flags) {
  if (flags == "udp") return packet().ipv4("198.51.100.7", kVip).udp(1000, 53).payload(4);
  return packet().ipv4("198.51.100.7", kVip).tcp(1000, 80, flags.c_str());
}

/// A worker at a fixed place within a tick, with one flow.
struct Lone {
  Lone() : before(toward(0)), after(toward(1)) {
    worker.context().now = 1000 * base::kSecond;
    worker.use(before.view());
  }
  void send(const std::vector<std::string>& segments) {
    for (const std::string& flags : segments) worker.run_one(segment(flags));
  }
  FlowState state() {
    FlowState found = FlowState::kEmpty;
    worker.context().flows.for_each([&](std::uint32_t, FlowState state, flow::Tick) {
      found = state;
    });
    return found;
  }
  std::uint32_t in_flight() {
    return worker.page().backends[0].in_flight + worker.page().backends[1].in_flight;
  }
  TestBank before;
  TestBank after;
  TestWorker worker;
};

struct Transition {
  std::vector<std::string> history;
  std::uint32_t after_ms;
  std::string segment;
  FlowState then;
  bool anew;  // goes where the table points now, not where the flow was
};

const std::vector<std::string> kNew = {"S"};
const std::vector<std::string> kConfirmed = {"S", "A"};
const std::vector<std::string> kClosing = {"S", "A", "FA"};
const std::vector<std::string> kReset = {"S", "A", "R"};
const std::vector<std::string> kAdopted = {"A"};

const std::vector<Transition> kTable = {
    {{}, 0, "S", FlowState::kNew, true},
    {{}, 0, "A", FlowState::kAdopted, true},
    {{}, 0, "SA", FlowState::kEmpty, true},
    {{}, 0, "FA", FlowState::kEmpty, true},
    {{}, 0, "R", FlowState::kEmpty, true},
    {kNew, kSoon, "S", FlowState::kNew, false},
    {kNew, kSoon, "A", FlowState::kConfirmed, false},
    {kNew, kSoon, "AP", FlowState::kConfirmed, false},
    {kNew, kSoon, "FA", FlowState::kClosing, false},
    {kNew, kSoon, "R", FlowState::kReset, false},
    {kNew, kSoon, "SA", FlowState::kNew, false},
    {kConfirmed, kSoon, "S", FlowState::kConfirmed, false},
    {kConfirmed, 302'000, "S", FlowState::kNew, true},
    {kConfirmed, kLater, "A", FlowState::kConfirmed, false},
    {kConfirmed, kSoon, "FA", FlowState::kClosing, false},
    {kConfirmed, kSoon, "R", FlowState::kReset, false},
    {kConfirmed, kSoon, "RA", FlowState::kReset, false},
    {kConfirmed, kSoon, "SA", FlowState::kConfirmed, false},
    {kClosing, kSoon, "S", FlowState::kNew, true},
    {kClosing, kLater, "A", FlowState::kClosing, false},
    {kClosing, kSoon, "FA", FlowState::kClosing, false},
    {kClosing, kSoon, "R", FlowState::kClosing, false},
    {kClosing, kSoon, "SA", FlowState::kClosing, false},
    {kReset, kSoon, "S", FlowState::kNew, true},
    {kReset, kSoon, "A", FlowState::kReset, false},
    {kReset, 300, "A", FlowState::kReset, false},
    {kReset, kLater, "A", FlowState::kConfirmed, false},
    {kReset, kSoon, "FA", FlowState::kClosing, false},
    {kReset, kSoon, "R", FlowState::kReset, false},
    {kReset, kSoon, "SA", FlowState::kReset, false},
    {kAdopted, kSoon, "S", FlowState::kNew, true},
    {kAdopted, kSoon, "A", FlowState::kAdopted, false},
    {kAdopted, kLater, "A", FlowState::kAdopted, false},
    {kAdopted, kSoon, "FA", FlowState::kClosing, false},
    {kAdopted, kSoon, "R", FlowState::kAdopted, false},
    {kAdopted, kLater, "SA", FlowState::kAdopted, false},
    {{}, 0, "udp", FlowState::kNew, true},
    {{"udp"}, kSoon, "udp", FlowState::kConfirmed, false},
    {{"udp", "udp"}, kLater, "udp", FlowState::kConfirmed, false},
    {{"udp"}, 21'000, "udp", FlowState::kNew, true},
    {{"udp", "udp"}, 50'000, "udp", FlowState::kConfirmed, false},
    {{"udp", "udp"}, 62'000, "udp", FlowState::kNew, true},
};

TEST(FlowState, EveryTransitionIsAsInTheTable) {
  for (const Transition& row : kTable) {
    std::string says;
    for (const std::string& flags : row.history) says += flags + " ";
    SCOPED_TRACE(says + "| " + row.segment + " after " + std::to_string(row.after_ms) + " ms");
    Lone lone;
    lone.send(row.history);
    lone.worker.use(lone.after.view());
    lone.worker.advance(row.after_ms * base::kMillisecond);

    const auto result = lone.worker.run_one(segment(row.segment));

    EXPECT_EQ(row.then, lone.state());
    EXPECT_EQ(row.anew ? 1U : 0U, result.member % 2);
    EXPECT_EQ(flow::is_open(row.then) ? 1U : 0U, lone.in_flight());
  }
}

TEST(FlowState, AForgedResetDoesNotShortenALivingFlowsMemory) {
  Lone lone;
  lone.send({"S", "A", "R"});
  lone.worker.advance(kLater * base::kMillisecond);
  lone.send({"A"});
  lone.worker.use(lone.after.view());
  for (int i = 0; i < 200; ++i) {  // beyond the limits of reset and closing flows
    lone.worker.advance(base::kSecond);
    maintain(lone.worker.context());
  }

  EXPECT_EQ(0U, lone.worker.run_one(segment("A")).member);
}

TEST(FlowState, AResetFlowIsForgottenSoonest) {
  Lone lone;
  lone.send({"S", "A", "R"});
  for (int i = 0; i < 8; ++i) {
    lone.worker.advance(base::kSecond);
    maintain(lone.worker.context());
  }

  EXPECT_EQ(FlowState::kEmpty, lone.state());
  EXPECT_EQ(1U, lone.worker.page().flow_events[FL_EVENT_EXPIRED_RESET]);
}

TEST(FlowState, AFlowOfABackendThatWentDownIsDecidedAnewAndCounted) {
  for (const auto& history : {kNew, kConfirmed, kClosing, kReset, kAdopted}) {
    Lone lone;
    lone.send(history);
    const TestBank down(toward(1, FL_MEMBER_DOWN));
    lone.worker.use(down.view());

    EXPECT_EQ(1U, lone.worker.run_one(segment("A")).member);
    EXPECT_EQ(1U, lone.worker.page().flow_events[FL_EVENT_REROUTED]);
    EXPECT_EQ(0U, lone.worker.page().backends[0].in_flight);
  }
}

TEST(FlowState, AStatelessVipKeepsNothing) {
  Lone lone;
  const Frame frame = packet().ipv4("198.51.100.7", "203.0.113.21").udp(1000, 53).payload(4);
  const std::uint32_t before = lone.worker.run_one(frame).member;
  lone.worker.run_one(frame);
  lone.worker.use(lone.after.view());

  const std::uint32_t after = lone.worker.run_one(frame).member;

  EXPECT_EQ(4U, before);
  EXPECT_EQ(5U, after);
  EXPECT_EQ(0U, lone.worker.context().flows.size());
  EXPECT_EQ(3U, lone.worker.page().vips[2].events[FL_EVENT_STATELESS]);
  EXPECT_EQ(0U, lone.worker.page().vips[2].inserts);
}

/// 200 frames to the TCP vip from 200 ports; which members they went to.
std::vector<std::uint32_t> burst_of(TestWorker& worker, const char* flags, std::uint16_t from) {
  std::vector<std::uint32_t> members;
  for (std::uint16_t port = from; port < from + 200; ++port)
    members.push_back(
        worker.run_one(packet().ipv4("198.51.100.7", kVip).tcp(port, 80, flags)).member
    );
  return members;
}

TEST(FlowState, AFloodOfForgedAcksLeavesNewFlowsTheirEntries) {
  testing::TestTable limited = toward(0);
  limited.new_flow_limit = 1;  // a burst of 32 is allowed
  const TestBank bank(limited);
  TestWorker worker;
  worker.use(bank.view());
  burst_of(worker, "A", 2000);
  ASSERT_EQ(32U, worker.page().flow_events[FL_EVENT_ADOPTED]);
  ASSERT_EQ(200U - 32U, worker.page().flow_events[FL_EVENT_FLOOD]);

  worker.run_one(segment("S"));

  EXPECT_EQ(33U, worker.page().flow_inserts);
  EXPECT_EQ(1U, worker.page().backends[0].in_flight);
}

TEST(FlowState, InAFloodOfSynsAnHonestClientIsEnteredByItsAck) {
  testing::TestTable limited = toward(0);
  limited.new_flow_limit = 1;
  const TestBank bank(limited);
  TestWorker worker;
  worker.use(bank.view());
  burst_of(worker, "S", 2000);
  ASSERT_EQ(32U, worker.page().flow_inserts);

  const std::uint32_t syn = worker.run_one(segment("S")).member;
  ASSERT_EQ(32U, worker.page().flow_inserts);
  const std::uint32_t ack = worker.run_one(segment("A")).member;

  EXPECT_EQ(syn, ack);
  EXPECT_EQ(33U, worker.page().flow_inserts);
  EXPECT_EQ(1U, worker.page().flow_events[FL_EVENT_ADOPTED]);
}

}  // namespace
}  // namespace fairlead::path
