// SPDX-License-Identifier: BSD-3-Clause
// Fragments in every order, on one worker and on two; the table and the waiting room by themselves.
#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "dataplane/path/aside.hh"
#include "tests/testing/test_bank.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::path {
namespace {

using steer::Verdict;
using testing::Frame;
using testing::packet;
using testing::Result;
using testing::TestBank;
using testing::TestWorker;

testing::TestTable table() {
  testing::TestTable out;
  std::vector<testing::TestMember> members;
  for (std::uint32_t i = 0; i < 8; ++i)
    members.push_back({.address = "10.0.0." + std::to_string(i + 1), .backend = i});
  out.vips = {
      {.prefix = "203.0.113.10",
       .protocol = net::IpProto::kUdp,
       .port = 53,
       .choices = 2,
       .members = members},
      {.prefix = "203.0.113.10", .protocol = net::IpProto::kTcp, .members = members},
  };
  return out;
}

/// A datagram of `pieces` fragments of 16 bytes.
std::vector<Frame> datagram(std::uint16_t id, std::uint16_t client, unsigned pieces) {
  std::vector<Frame> out;
  for (unsigned i = 0; i < pieces; ++i) {
    auto frame = packet().ipv4("198.51.100.7", "203.0.113.10").id(id).protocol(17);
    frame.ipv4_fragment(static_cast<std::uint16_t>(2 * i), i + 1 < pieces);
    if (i == 0) {
      frame.udp(client, 53).udp_length(static_cast<std::uint16_t>(16 * pieces)).payload(8);
    } else {
      frame.payload(16);
    }
    out.push_back(frame);
  }
  return out;
}
Frame whole(std::uint16_t client) {
  return packet().ipv4("198.51.100.7", "203.0.113.10").udp(client, 53).payload(4);
}

class Fragments : public ::testing::Test {
 protected:
  Fragments() { worker_.use(bank_.view()); }
  const TestBank bank_{table()};
  TestWorker worker_{1024};
};

TEST_F(Fragments, OfADatagramReachTheBackendOfItsFlowInEveryOrder) {
  constexpr unsigned kPieces = 5;
  std::vector<unsigned> order = {0, 1, 2, 3, 4};
  std::uint16_t id = 1;
  do {
    const auto client = static_cast<std::uint16_t>(2000 + id);
    const std::uint32_t flow = worker_.run_one(whole(client)).member;
    const std::vector<Frame> frames = datagram(id++, client, kPieces);
    std::vector<Result> sent;
    for (const unsigned i : order) {
      worker_.advance(10 * base::kMillisecond);
      for (const Result& r : worker_.run({frames[i]})) sent.push_back(r);
      for (const Result& r : worker_.released()) sent.push_back(r);
    }
    EXPECT_EQ(kPieces, std::count_if(sent.begin(), sent.end(), [&](const Result& r) {
                return r.verdict == Verdict::kForward && r.member == flow;
              }));
    EXPECT_EQ(0, worker_.unaccounted());
  } while (std::next_permutation(order.begin(), order.end()));

  const fl_worker_page& page = worker_.page();
  EXPECT_EQ(120U, page.fragments_first);
  EXPECT_EQ(4U * 120U, page.fragments_later);
  // Of two pieces, the later one is early in half of all orders: 4 x 120 / 2.
  EXPECT_EQ(240U, page.fragments_waited);
}

TEST_F(Fragments, OfABurstNeedNotWaitForEachOther) {
  std::vector<Frame> frames = datagram(7, 4000, 6);
  std::reverse(frames.begin(), frames.end());

  for (const Result& r : worker_.run(frames)) EXPECT_EQ(Verdict::kForward, r.verdict);

  EXPECT_EQ(0U, worker_.page().fragments_waited);
  EXPECT_EQ(1U, worker_.page().flow_inserts);
  EXPECT_EQ(1U, worker_.page().flow_misses);
  EXPECT_EQ(6U, worker_.page().vips[0].packets);
}

TEST_F(Fragments, WithoutAFirstOneAreDroppedWhenTheirTimeIsOver) {
  const std::vector<Frame> frames = datagram(9, 4000, 3);
  worker_.run({frames[1]});
  worker_.advance(100 * base::kMillisecond);
  worker_.run({frames[2]});
  EXPECT_EQ(0U, worker_.page().rx_packets);  // their fate is not known yet
  EXPECT_EQ(0U, worker_.page().rx_bytes);

  worker_.advance(100 * base::kMillisecond);
  worker_.idle();
  ASSERT_EQ(1U, worker_.released().size());
  EXPECT_EQ(FL_REASON_FRAGMENT, worker_.released()[0].reason);
  worker_.advance(100 * base::kMillisecond);
  worker_.idle();

  EXPECT_EQ(2U, worker_.page().drops[FL_REASON_FRAGMENT]);
  EXPECT_EQ(2U, worker_.page().rx_packets);
  EXPECT_EQ(frames[1].size() + frames[2].size(), worker_.page().rx_bytes);
  EXPECT_EQ(0, worker_.unaccounted());
}

TEST_F(Fragments, OfAFloodGiveWayToNewerOnes) {
  for (std::uint16_t id = 0; id < 1000; ++id) {
    worker_.advance(10 * base::kMicrosecond);
    worker_.run({datagram(id, 4000, 2)[1]});
    EXPECT_LE(worker_.context().fragments->waiting.count(), WaitingRoom::kSeats);
  }
  EXPECT_EQ(1000U - WaitingRoom::kSeats, worker_.page().drops[FL_REASON_FRAGMENT_EARLY]);

  // The newest of them are still there.
  worker_.run({datagram(999, 4000, 2)[0]});
  ASSERT_EQ(1U, worker_.released().size());
  EXPECT_EQ(Verdict::kForward, worker_.released()[0].verdict);
}

TEST_F(Fragments, AreNoPartOfTheFlowsStateBeyondTheFirst) {
  worker_.run({datagram(1, 4000, 3)[0]});
  EXPECT_EQ(1U, worker_.page().backends[worker_.run_one(whole(4000)).member].in_flight);
}

/// Two workers of a process; whole packets come to the first, fragments to the second.
class TwoWorkers : public ::testing::Test {
 protected:
  TwoWorkers() {
    first_.use(bank_.view());
    second_.use(bank_.view());
    first_.context().peers = second_.context().peers = &peers_;
    second_.context().worker = 1;
    tables_ = {first_.context().flows, second_.context().flows};
    first_.context().relatives.tables = second_.context().relatives.tables = tables_;
    peers_.set(0, &first_.context().fragments->table);
    peers_.set(1, &second_.context().fragments->table);
  }
  void advance(base::Nanoseconds by) {
    first_.advance(by);
    second_.advance(by);
  }
  const TestBank bank_{table()};
  TestWorker first_{1024};
  TestWorker second_{1024};
  std::vector<flow::FlowTable> tables_;
  Peers peers_;
};

TEST_F(TwoWorkers, KeepFragmentsOnTheBackendOfAFlowThatTheOtherOneHas) {
  for (std::uint16_t client = 1; client <= 200; ++client) {
    const std::uint32_t flow = first_.run_one(whole(client)).member;
    for (const Frame& frame : datagram(client, client, 3))
      EXPECT_EQ(flow, second_.run_one(frame).member);
  }
}

TEST_F(TwoWorkers, KeepAFlowThatBeganWithAFragment) {
  for (std::uint16_t client = 1; client <= 200; ++client) {
    const std::uint32_t flow = second_.run_one(datagram(client, client, 3)[0]).member;
    EXPECT_EQ(flow, first_.run_one(whole(client)).member);
  }
}

TEST_F(TwoWorkers, KeepAFlowOfFragmentsWhenItsWholePacketsEnd) {
  const std::uint32_t flow = first_.run_one(whole(5)).member;
  for (std::uint16_t id = 1; id < 10; ++id) {
    advance(30 * base::kSecond);
    first_.idle();
    EXPECT_EQ(flow, second_.run_one(datagram(id, 5, 2)[0]).member);
  }
  EXPECT_EQ(0U, first_.context().flows.size());
  EXPECT_EQ(flow, first_.run_one(whole(5)).member);
}

TEST_F(TwoWorkers, BringFragmentsTogetherThatCameToBoth) {
  const std::vector<Frame> frames = datagram(3, 77, 4);
  EXPECT_EQ(Verdict::kWait, second_.run_one(frames[1]).verdict);
  const std::uint32_t member = first_.run_one(frames[0]).member;
  advance(2 * base::kMillisecond);
  second_.idle();
  ASSERT_EQ(1U, second_.released().size());
  EXPECT_EQ(member, second_.released()[0].member);

  EXPECT_EQ(member, second_.run_one(frames[2]).member);
  EXPECT_EQ(member, first_.run_one(frames[3]).member);
}

TEST_F(TwoWorkers, SendIcmpErrorsToTheBackendOfAFlowThatTheOtherOneHas) {
  for (std::uint16_t client = 1; client <= 200; ++client) {
    const std::uint32_t flow = first_.run_one(whole(client)).member;
    const Frame error = packet()
                            .ipv4("192.0.2.99", "203.0.113.10")
                            .icmp(3, 3)
                            .ipv4("203.0.113.10", "198.51.100.7")
                            .udp(53, client)
                            .payload(4);
    EXPECT_EQ(flow, second_.run_one(error).member);
  }
  EXPECT_EQ(200U, second_.page().icmp_errors);
  EXPECT_EQ(0U, second_.page().flow_inserts);
}

TEST(FragmentTable, ForgetsTheOldestOfALine) {
  FragmentTable fragments;
  const base::Nanoseconds start = 50 * base::kSecond;
  for (std::uint64_t i = 0; i < 5; ++i)
    fragments.record(
        (i + 1) << 32 | 6,
        {FirstFragment::Fate::kForwardUdp, static_cast<std::uint32_t>(i), 53},
        start + i * base::kMillisecond
    );

  const base::Nanoseconds now = start + 10 * base::kMillisecond;
  EXPECT_FALSE(fragments.find(std::uint64_t{1} << 32 | 6, now));
  for (std::uint64_t i = 1; i < 5; ++i) {
    const auto found = fragments.find((i + 1) << 32 | 6, now);
    ASSERT_TRUE(found);
    EXPECT_EQ(i, found->member);
    EXPECT_EQ(53U, found->port_raw);
  }
}

constexpr base::Nanoseconds kStart = 50 * base::kSecond;

/// A datagram of the same line as the others of this function.
std::uint64_t in_line(std::uint64_t number) {
  return number << 32 | 6;
}
FirstFragment to_member(std::uint32_t member) {
  return {FirstFragment::Fate::kForwardUdp, member, 53};
}

TEST(FragmentTable, WhatIsInUseOutlivesWhatIsOnlyNewer) {
  FragmentTable fragments;
  base::Nanoseconds now = kStart;
  for (std::uint32_t i = 1; i <= 4; ++i)
    fragments.record(in_line(i), to_member(i), now += 10 * base::kMillisecond);
  ASSERT_TRUE(fragments.use(in_line(1), now += 10 * base::kMillisecond));

  fragments.record(in_line(5), to_member(5), now);

  for (const std::uint32_t left : {1U, 3U, 4U, 5U}) EXPECT_TRUE(fragments.find(in_line(left), now));
  EXPECT_FALSE(fragments.find(in_line(2), now));
}

TEST(FragmentTable, TheNewestFirstFragmentOfANameCountsAndDisplacesNobody) {
  FragmentTable fragments;
  base::Nanoseconds now = kStart;
  for (std::uint32_t i = 1; i <= 4; ++i)
    fragments.record(in_line(i), to_member(i), now += 10 * base::kMillisecond);

  fragments.record(in_line(3), to_member(33), now += 10 * base::kMillisecond);

  EXPECT_EQ(33U, fragments.find(in_line(3), now)->member);
  for (const std::uint32_t other : {1U, 2U, 4U})
    EXPECT_EQ(other, fragments.find(in_line(other), now)->member);
}

TEST(FragmentTable, UnderAFloodOfDatagramsTheNewestAreKnown) {
  FragmentTable fragments;
  std::mt19937_64 random(5);
  std::vector<std::uint64_t> names(10 * FragmentTable::kDatagrams);
  base::Nanoseconds now = kStart;
  for (std::uint64_t& name : names) {
    name = random();
    fragments.record(name, to_member(1), now += 20 * base::kMicrosecond);
  }

  const auto known = [&](auto from, auto to) {
    return std::count_if(from, to, [&](auto name) {
      return fragments.find(name, now).has_value();
    });
  };
  EXPECT_LE(known(names.begin(), names.end()), FragmentTable::kDatagrams);
  // A line of four has to take 0.25 of these; one of them in 1,000 meets four newer ones.
  EXPECT_GE(known(names.end() - 512, names.end()), 510);
}

TEST(WaitingRoom, WhoHasWaitedLongestGoesFirst) {
  WaitingRoom room;
  base::Nanoseconds now = kStart;
  std::vector<unsigned> places;
  for (std::uint64_t hash = 1; hash <= WaitingRoom::kSeats + 2; ++hash)
    places.push_back(room.add(hash, now += base::kMillisecond));
  using Cause = WaitingRoom::Cause;

  EXPECT_EQ(places[0], room.take(Cause::kCrowded, now));
  room.wake(90);
  EXPECT_EQ(places[89], room.take(Cause::kSettled, now)) << "its first fragment came";
  EXPECT_EQ(WaitingRoom::kNowhere, room.take(Cause::kSettled, now));
  EXPECT_EQ(WaitingRoom::kNowhere, room.take(Cause::kCrowded, now)) << "the others have seats";
  EXPECT_EQ(WaitingRoom::kSeats, room.count());
  now = kStart + 2 * base::kMillisecond + WaitingRoom::kLongest;
  EXPECT_EQ(places[1], room.take(Cause::kSettled, now)) << "its time is over";
  EXPECT_EQ(WaitingRoom::kNowhere, room.take(Cause::kSettled, now));
  room.wake_all();
  while (room.take(Cause::kSettled, now) != WaitingRoom::kNowhere) continue;
  EXPECT_TRUE(room.empty());
}

TEST(WaitingRoom, HasAsManyPlacesAsItSays) {
  WaitingRoom room;
  for (unsigned i = 0; i < WaitingRoom::kPlaces; ++i)
    ASSERT_LT(room.add(7, kStart), WaitingRoom::kPlaces);
  EXPECT_EQ(WaitingRoom::kNowhere, room.add(8, kStart));
}

TEST(FragmentTable, LivesTwoSecondsFromTheLastUse) {
  FragmentTable fragments;
  const base::Nanoseconds start = 50 * base::kSecond;
  fragments.record(99, {FirstFragment::Fate::kPunted, 0, 0}, start);

  EXPECT_TRUE(fragments.find(99, start + FragmentTable::kLife));
  EXPECT_FALSE(fragments.find(99, start + FragmentTable::kLife + base::kMillisecond));
  EXPECT_TRUE(fragments.use(99, start + FragmentTable::kLife));
  EXPECT_TRUE(fragments.find(99, start + 2 * FragmentTable::kLife));
}

}  // namespace
}  // namespace fairlead::path
