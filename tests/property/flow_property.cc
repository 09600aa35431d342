// SPDX-License-Identifier: BSD-3-Clause
// Laws of flows, over random packets through the whole pipeline.
#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "dataplane/path/flow_state.hh"
#include "tests/testing/test_bank.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::path {
namespace {

using flow::FlowState;
using testing::packet;
using testing::TestWorker;

constexpr const char* kVip = "203.0.113.20";
constexpr base::Nanoseconds kStep = 250 * base::kMillisecond;

testing::TestTable table() {
  const std::vector<testing::TestMember> members = {
      {.address = "10.0.1.1", .backend = 0},
      {.address = "10.0.1.2", .backend = 1},
      {.address = "10.0.1.3", .backend = 2}};
  testing::TestTable out;
  out.idle_new_ms = 2000;
  out.idle_confirmed_ms = 20'000;
  out.idle_closing_ms = 3000;
  out.idle_reset_ms = 1000;
  out.idle_adopted_ms = 4000;
  out.idle_udp_new_ms = 2500;
  out.idle_udp_ms = 8000;
  out.vips = {
      {.prefix = kVip, .choices = 2, .members = members},
      {.prefix = kVip, .protocol = net::IpProto::kUdp, .port = 53, .members = members}};
  return out;
}

enum Kind : int { kSyn, kAck, kFin, kRst, kData, kUdp, kKinds };

testing::Frame frame_of(unsigned client, int kind) {
  static constexpr const char* kFlags[] = {"S", "A", "FA", "R", "AP"};
  const auto port = static_cast<std::uint16_t>(1000 + client % 60000);
  const std::string source = "198.51.100." + std::to_string(1 + client / 60000);
  if (kind == kUdp) return packet().ipv4(source.c_str(), kVip).udp(port, 53).payload(4);
  return packet().ipv4(source.c_str(), kVip).tcp(port, 80, kFlags[kind]);
}

std::uint64_t hash_of(const testing::Frame& frame) {
  std::uint64_t addresses;
  std::uint32_t ports;
  std::memcpy(&addresses, frame.data() + 26, 8);
  std::memcpy(&ports, frame.data() + 34, 4);
  return fl_flow_hash4(testing::kTestKey, addresses, ports, frame[23]);
}

/// Time passes in steps, as an idle worker lives it.
void pass(TestWorker& worker, base::Nanoseconds time) {
  for (; time > kStep; time -= kStep) {
    worker.advance(kStep);
    maintain(worker.context());
  }
  worker.advance(time);
  maintain(worker.context());
}

/// What must hold of the books and the table at any time.
void check_books(TestWorker& worker, const steer::TableView& view) {
  const flow::FlowTable& flows = worker.context().flows;
  const fl_worker_page& page = worker.page();
  std::set<std::uint64_t> identities;
  std::vector<std::uint32_t> open(3);
  std::vector<std::uint64_t> by_vip(2);
  std::uint64_t entries = 0;
  for (std::uint32_t bucket = 0; bucket < flows.bucket_count(); ++bucket)
    flows.visit_bucket(bucket, [&](flow::Position at) {
      RC_ASSERT(identities.insert(flows.identity(at)).second);
      const fl_member& member = view.member(flows.member(at));
      open[member.backend] += flow::is_open(flows.state(at)) ? 1 : 0;
      ++by_vip[member.vip];
      ++entries;
    });
  const auto left = [](const std::uint64_t(&events)[FL_EVENT_COUNT]) {
    return std::accumulate(events, events + FL_EVENT_HANDED_OVER + 1, std::uint64_t{0});
  };
  RC_ASSERT(entries == flows.size());
  RC_ASSERT(entries == page.flows);
  RC_ASSERT(page.flow_inserts == entries + left(page.flow_events));
  for (std::size_t v = 0; v < 2; ++v)
    RC_ASSERT(page.vips[v].inserts == by_vip[v] + left(page.vips[v].events));
  for (std::size_t b = 0; b < 3; ++b) RC_ASSERT(page.backends[b].in_flight == open[b]);
  RC_ASSERT(page.flow_events[FL_EVENT_EVICTED_CONFIRMED] == 0U);
  RC_ASSERT(worker.unaccounted() == 0);
}

struct ModelFlow {
  FlowState state;
  flow::Tick seen;
  bool udp;
};

/// The state machine of docs/data-path.md once more, as plainly as it can be said.
FlowState next_state(FlowState now, int kind, flow::Tick idle) {
  if (kind == kUdp) return now == FlowState::kEmpty ? FlowState::kNew : FlowState::kConfirmed;
  const bool ack = kind == kAck || kind == kData;
  switch (now) {
    case FlowState::kEmpty:
      return kind == kSyn ? FlowState::kNew : ack ? FlowState::kAdopted : FlowState::kEmpty;
    case FlowState::kConfirmed:
      return kind == kFin   ? FlowState::kClosing
             : kind == kRst ? FlowState::kReset
                            : FlowState::kConfirmed;
    default:
      break;
  }
  if (kind == kSyn) return FlowState::kNew;
  if (kind == kFin) return FlowState::kClosing;
  if (kind == kRst) return now == FlowState::kNew ? FlowState::kReset : now;
  if (now == FlowState::kReset) return idle >= 2 ? FlowState::kConfirmed : FlowState::kReset;
  return now == FlowState::kNew ? FlowState::kConfirmed : now;
}

/// Entries within their limit are there, in the model's state; those beyond limit and one turn of
/// the hand are not. Between the two the table decides, and the model follows.
void check_flows(TestWorker& worker, std::map<std::uint64_t, ModelFlow>& model) {
  const flow::FlowTable& flows = worker.context().flows;
  const flow::Tick now = flow::tick_of(worker.context().now);
  constexpr auto kTurn = static_cast<flow::Tick>(flow::kSweepPeriod / FL_FLOW_TICK_NS + 2);
  for (auto it = model.begin(); it != model.end();) {
    const ModelFlow& flow = it->second;
    const flow::Position at = flows.find(it->first);
    const auto idle = static_cast<flow::Tick>(now - flow.seen);
    const flow::Tick limit = worker.context().limits.of(flow.state, flow.udp);
    if (idle <= limit) RC_ASSERT(at != flow::kNoPosition);
    if (idle > limit + kTurn) RC_ASSERT(at == flow::kNoPosition);
    if (at == flow::kNoPosition) {
      it = model.erase(it);
      continue;
    }
    RC_ASSERT(flows.state(at) == flow.state);
    RC_ASSERT(flows.seen(at) == flow.seen);
    ++it;
  }
  RC_ASSERT(flows.size() == model.size());
}

RC_GTEST_PROP(Flows, ATableWithRoomAgreesWithTheModelAndExpiresInTime, ()) {
  const testing::TestBank bank(table());
  TestWorker worker(64);
  worker.use(bank.view());
  std::map<std::uint64_t, ModelFlow> model;
  const auto steps = *rc::gen::container<std::vector<std::tuple<unsigned, int, unsigned>>>(
      150,
      rc::gen::tuple(
          rc::gen::inRange(0U, 30U), rc::gen::inRange<int>(0, kKinds), rc::gen::inRange(0U, 100U)
      )
  );
  for (const auto& [client, kind, wait] : steps) {
    // Mostly within a tick, now and then long enough for some of the limits.
    pass(worker, wait < 80 ? wait * base::kMillisecond : (wait - 79) * 500 * base::kMillisecond);
    check_flows(worker, model);
    const testing::Frame frame = frame_of(client, kind);
    const std::uint64_t hash = hash_of(frame);
    const flow::Tick now = flow::tick_of(worker.context().now);
    const auto known = model.find(hash);
    FlowState was = known == model.end() ? FlowState::kEmpty : known->second.state;
    const flow::Tick idle =
        known == model.end() ? flow::Tick{0} : static_cast<flow::Tick>(now - known->second.seen);
    const bool over =
        was != FlowState::kEmpty && idle > worker.context().limits.of(was, kind == kUdp);
    if (over && (kind == kUdp || (kind == kSyn && was == FlowState::kConfirmed)))
      was = FlowState::kEmpty;  // beyond its limit, not swept yet: decided anew

    worker.run_one(frame);

    const FlowState then = next_state(was, kind, idle);
    // A SYN on a confirmed flow, an RST that changes nothing, and what comes right behind an RST
    // are not signs of life.
    const bool quiet = (kind == kSyn && was == FlowState::kConfirmed) ||
                       (kind == kRst && then == was) ||
                       (was == FlowState::kReset && then == FlowState::kReset);
    const bool noted = !quiet && (was == FlowState::kEmpty || then != FlowState::kConfirmed ||
                                  idle >= FL_SEEN_STEP);
    if (then != FlowState::kEmpty)
      model[hash] = {then, noted ? now : known->second.seen, kind == kUdp};
    check_flows(worker, model);
    check_books(worker, bank.view());
  }
}

RC_GTEST_PROP(Flows, InACrowdedTableTheBooksAreRightAndConfirmedFlowsStay, ()) {
  const testing::TestBank bank(table());
  TestWorker worker(*rc::gen::element<std::uint64_t>(2, 8, 16));
  worker.use(bank.view());
  std::mt19937 random(*rc::gen::arbitrary<std::uint32_t>());
  std::map<std::uint64_t, std::uint32_t> confirmed;  // hash -> member
  for (int step = 0; step < 400; ++step) {
    const auto client = static_cast<unsigned>(random() % 300);
    const int kind = static_cast<int>(random() % kKinds);
    const testing::Frame frame = frame_of(client, kind);
    const std::uint64_t hash = hash_of(frame);
    worker.run_one(frame);
    const flow::FlowTable& flows = worker.context().flows;
    const flow::Position at = flows.find(hash);
    confirmed.erase(hash);
    if (at != flow::kNoPosition && flows.state(at) == FlowState::kConfirmed)
      confirmed[hash] = flows.member(at);
    for (const auto& [other, member] : confirmed) {
      const flow::Position there = flows.find(other);
      RC_ASSERT(there != flow::kNoPosition);
      RC_ASSERT(flows.member(there) == member);
    }
    if (step % 50 == 0) check_books(worker, bank.view());
  }
  check_books(worker, bank.view());
}

TEST(FlowFlood, AMillionForgedSynsAndAcksMoveNoConfirmedFlow) {
  for (const std::uint32_t limit : {0U, 1000U}) {
    testing::TestTable limited = table();
    limited.new_flow_limit = 0;
    const testing::TestBank calm(limited);
    limited.new_flow_limit = limit;
    const testing::TestBank bank(limited);
    TestWorker worker(1024);
    worker.use(calm.view());
    std::map<unsigned, std::uint32_t> member;
    for (unsigned client = 0; client < 4000; ++client) {
      worker.run_one(frame_of(client, kSyn));
      member[client] = worker.run_one(frame_of(client, kAck)).member;
    }
    worker.use(bank.view());
    const std::uint64_t hits = worker.page().flow_hits;
    std::vector<testing::Frame> burst(32);
    for (unsigned i = 0; i < 1'000'000; i += 32) {
      for (unsigned k = 0; k < 32; ++k)
        burst[k] = frame_of(100'000 + (i + k) * 13 % 14'000'000, (i + k) % 4 == 0 ? kAck : kSyn);
      worker.advance(10 * base::kMicrosecond);
      worker.run(burst);
    }

    for (const auto& [client, expected] : member)
      ASSERT_EQ(expected, worker.run_one(frame_of(client, kAck)).member);
    EXPECT_GE(worker.page().flow_hits, hits + 4000);
    EXPECT_EQ(0U, worker.page().flow_events[FL_EVENT_EVICTED_CONFIRMED]);
    EXPECT_EQ(limit != 0, worker.page().flow_events[FL_EVENT_FLOOD] > 900'000);
  }
}

}  // namespace
}  // namespace fairlead::path
