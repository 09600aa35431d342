// SPDX-License-Identifier: BSD-3-Clause
// Several queues: the gate looks into the other workers' flow tables where the data plane does, for
// flows that change their queue, fragments, what follows them, and ICMP errors, which NICs spread
// by addresses alone.
#include <cstring>
#include <ctime>

#include <unistd.h>

#include <gtest/gtest.h>

#include "dataplane/flow/flow_table.hh"
#include "tests/packet/packet_case.hh"
#include "tests/testing/gate_world.hh"

namespace fairlead::packet_table {
namespace {

using testing::Frame;
using testing::GateWorld;
using testing::packet;

Frame whole() {
  return packet().ipv4(kClient4, kPairUdp).udp(40000, 53).payload(5);
}
Frame first_fragment() {
  return packet()
      .ipv4(kClient4, kPairUdp)
      .id(77)
      .ipv4_fragment(0, true)
      .udp(40000, 53)
      .udp_length(1608)
      .payload(792);
}
Frame last_fragment() {
  return packet().ipv4(kClient4, kPairUdp).id(77).protocol(17).ipv4_fragment(200, false).payload(8);
}
Frame too_big_for_router() {
  return packet()
      .ipv4("192.0.2.99", kPairUdp)
      .icmp(3, 4, 1400)
      .ipv4(kPairUdp, kClient4)
      .udp(53, 40000)
      .payload(40);
}

/// The pair's backend, 1 or 2, that a frame was sent to.
int backend_of(const GateWorld::Result& result) {
  return result.verdict == steer::Verdict::kForward && result.out.size() > 33 ? result.out[33] : 0;
}

class GatePeers : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
    static GateWorld loaded;
    gate = &loaded;
    gate->reset();
    gate->use(world_table({}));
  }
  /// What comes first to worker 0, after which the table sends new flows to the second backend.
  void begin_with(const Frame& frame) {
    ASSERT_EQ(1, backend_of(gate->run(frame)));
    gate->use(world_table({.pair_slots = {1}}));
  }
  int at_worker_1(const Frame& frame) {
    gate->work_as(1);
    return backend_of(gate->run(frame));
  }
  GateWorld* gate = nullptr;
};

/// The gate's clock is late by up to a tick of the kernel: what a worker wrote just before it went
/// may be of a later time than the gate's.
class GateClock : public GatePeers {
 protected:
  void set_ahead() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const base::Nanoseconds ahead =
        static_cast<base::Nanoseconds>(now.tv_sec) * base::kSecond + 2 * base::kSecond;
    auto* const bucket = reinterpret_cast<fl_flow_bucket*>(gate->flows().data() + FL_LINE_BYTES);
    for (std::uint64_t b = 0; b < gate->flows().header().parameter; ++b)
      for (std::uint16_t& seen : bucket[b].seen) seen = flow::tick_of(ahead);
  }
};

TEST_F(GateClock, AFlowOfALaterTimeIsNotIdle) {
  begin_with(whole());
  EXPECT_EQ(1, backend_of(gate->run(whole())));
  set_ahead();

  EXPECT_EQ(1, backend_of(gate->run(whole())));
}

TEST_F(GateClock, AForgedSynDoesNotMoveAFlowOfALaterTime) {
  const auto segment = [](const char* flags) {
    return packet().ipv4(kClient4, kPair).tcp(40000, 80, flags);
  };
  begin_with(segment("S"));
  EXPECT_EQ(1, backend_of(gate->run(segment("A"))));
  set_ahead();

  EXPECT_EQ(1, backend_of(gate->run(segment("S"))));
}

TEST_F(GateClock, AnotherQueueInheritsAFlowOfALaterTime) {
  begin_with(whole());
  set_ahead();

  EXPECT_EQ(1, at_worker_1(whole()));
}

TEST_F(GatePeers, NewFlowsFollowTheTable) {
  begin_with(packet().ipv4(kClient4, kPairUdp).udp(40001, 53).payload(5));
  EXPECT_EQ(2, at_worker_1(whole()));
}

TEST_F(GatePeers, AFirstFragmentStaysWithItsFlow) {
  begin_with(whole());
  EXPECT_EQ(1, at_worker_1(first_fragment()));
}

TEST_F(GatePeers, ALaterFragmentFindsItsFirstOne) {
  begin_with(first_fragment());
  EXPECT_EQ(1, at_worker_1(last_fragment()));
}

TEST_F(GatePeers, WholePacketsFollowAFlowThatBeganWithAFragment) {
  begin_with(first_fragment());
  EXPECT_EQ(1, at_worker_1(whole()));
}

// The kernel spreads by what it likes: a veth by the CPU of whoever sends.
TEST_F(GatePeers, AFlowThatComesByAnotherQueueStays) {
  begin_with(packet().ipv4(kClient4, kPair).tcp(40000, 80, "S"));
  gate->run(packet().ipv4(kClient4, kPair).tcp(40000, 80, "A"));
  EXPECT_EQ(1, at_worker_1(packet().ipv4(kClient4, kPair).tcp(40000, 80, "A").payload(5)));
  EXPECT_EQ(1, at_worker_1(packet().ipv4(kClient4, kPair).tcp(40000, 80, "S"))) << "a forged one";
  EXPECT_EQ(1, at_worker_1(packet().ipv4(kClient4, kPair).tcp(40000, 80, "FA")));
}

TEST_F(GatePeers, ADatagramThatComesByAnotherQueueStays) {
  begin_with(whole());
  EXPECT_EQ(1, at_worker_1(whole()));
}

TEST_F(GatePeers, AHalfOpenFlowCompletesWhereItBegan) {
  begin_with(packet().ipv4(kClient4, kPair).tcp(40000, 80, "S"));
  EXPECT_EQ(1, at_worker_1(packet().ipv4(kClient4, kPair).tcp(40000, 80, "A")));
}

TEST_F(GatePeers, AClosedFlowsPortIsANewConnectionAtAnotherQueueToo) {
  begin_with(packet().ipv4(kClient4, kPair).tcp(40000, 80, "S"));
  gate->run(packet().ipv4(kClient4, kPair).tcp(40000, 80, "FA"));
  EXPECT_EQ(2, at_worker_1(packet().ipv4(kClient4, kPair).tcp(40000, 80, "S")));
}

TEST_F(GatePeers, AnIcmpErrorFindsItsFlow) {
  begin_with(whole());
  EXPECT_EQ(1, at_worker_1(too_big_for_router()));
}

TEST_F(GatePeers, AnIcmpErrorDoesNotFollowAFlowThatHasTimedOut) {
  begin_with(whole());
  gate->advance(21 * base::kSecond);
  EXPECT_EQ(2, backend_of(gate->run(too_big_for_router())));
  EXPECT_EQ(2, at_worker_1(too_big_for_router()));
}

/// Flows that a worker's page says to be in flight.
std::uint64_t in_flight(const fl_worker_page& page) {
  std::uint64_t sum = 0;
  for (const fl_backend_counters& backend : page.backends) sum += backend.in_flight;
  return sum;
}

TEST_F(GatePeers, ACopyForFragmentsIsNotInFlight) {
  begin_with(whole());
  EXPECT_EQ(1, at_worker_1(first_fragment()));
  EXPECT_EQ(1, at_worker_1(first_fragment()));
  EXPECT_EQ(1U, in_flight(gate->page(0)));
  EXPECT_EQ(0U, in_flight(gate->page(1)));
}

TEST_F(GatePeers, FragmentsFollowTheirFlowWhenItsBackendWasAwayForAWhile) {
  begin_with(whole());
  at_worker_1(first_fragment());
  at_worker_1(first_fragment());
  gate->work_as(0);
  gate->use(world_table({.first = FL_MEMBER_DOWN, .pair_slots = {1}}));
  EXPECT_EQ(2, backend_of(gate->run(whole())));
  gate->use(world_table({}));

  EXPECT_EQ(2, at_worker_1(first_fragment()));
}

TEST_F(GatePeers, AnIcmpErrorFollowsTheFlowRatherThanACopyForItsFragments) {
  begin_with(whole());
  at_worker_1(first_fragment());
  gate->work_as(0);
  gate->use(world_table({.first = FL_MEMBER_DOWN, .pair_slots = {1}}));
  EXPECT_EQ(2, backend_of(gate->run(whole())));
  gate->use(world_table({}));

  EXPECT_EQ(2, at_worker_1(too_big_for_router()));
}

// Worker 0's entry is of the connection before: the client has used its port again.
TEST_F(GatePeers, TheYoungestEntryCountsIfSeveralKnowTheFlow) {
  const auto segment = [](const char* flags) {
    return packet().ipv4(kClient4, kPair).tcp(40000, 80, flags);
  };
  begin_with(segment("S"));
  gate->run(segment("FA"));
  gate->advance(2 * base::kSecond);
  EXPECT_EQ(2, at_worker_1(segment("S")));
  EXPECT_EQ(2, at_worker_1(segment("A")));

  gate->work_as(2);
  EXPECT_EQ(2, backend_of(gate->run(segment("A"))));
}

/// Worker 1 has carried out an order that means all, worker 0 is at work on it.
class GateInFlush : public GatePeers {
 protected:
  void order_all() {
    fl_flow_order& order = gate->order();
    order.vip = order.backend = FL_ANY;
    order.sequence = gate->page(1).flush_sequence = 1;
  }
  void finish() {
    std::memset(
        gate->flows().data() + FL_LINE_BYTES, 0, gate->flows().header().parameter * FL_LINE_BYTES
    );
    gate->page(0).flush_sequence = 1;
  }
};

TEST_F(GateInFlush, WhatAnotherWorkerHasYetToForgetIsFollowedAndNotCopied) {
  const Frame segment = packet().ipv4(kClient4, kPair).tcp(40000, 80, "A");
  begin_with(packet().ipv4(kClient4, kPair).tcp(40000, 80, "S"));
  gate->run(segment);
  order_all();

  EXPECT_EQ(1, at_worker_1(segment));
  finish();
  EXPECT_EQ(2, at_worker_1(segment));
}

TEST_F(GateInFlush, NorForAFragment) {
  begin_with(whole());
  order_all();

  EXPECT_EQ(1, at_worker_1(first_fragment()));
  finish();
  EXPECT_EQ(2, at_worker_1(first_fragment()));
}

TEST_F(GateInFlush, WhatTheOrderDoesNotMeanIsTakenOver) {
  const Frame segment = packet().ipv4(kClient4, kPair).tcp(40000, 80, "A");
  begin_with(packet().ipv4(kClient4, kPair).tcp(40000, 80, "S"));
  gate->run(segment);
  order_all();
  gate->order().vip = 0;  // the pair's is another

  EXPECT_EQ(1, at_worker_1(segment));
  finish();
  EXPECT_EQ(1, at_worker_1(segment));
}

}  // namespace
}  // namespace fairlead::packet_table
