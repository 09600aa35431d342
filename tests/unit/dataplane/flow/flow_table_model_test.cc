// SPDX-License-Identifier: BSD-3-Clause
// The flow table against a map: any sequence of operations leaves both with the same flows.
#include <algorithm>
#include <map>
#include <rapidcheck.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/flow/flow_table.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::flow {
namespace {

struct ModelFlow {
  std::uint32_t member;
  FlowState state;
  Tick seen;
};
using Model = std::map<std::uint64_t, ModelFlow>;

constexpr auto kAllTcp = [](std::uint32_t) -> std::uint8_t { return 6; };

/// Few enough flows and buckets that homes overflow, entries move and room runs out; different in
/// tag and extra bits, so that no two are the same entry.
std::uint64_t hash_of(std::uint64_t flow) {
  return flow << 40 | (flow * 2654435761ULL >> 7 & 0xffff);
}

void expect_same(const FlowTable& table, const Model& model) {
  RC_ASSERT(table.size() == model.size());
  for (const auto& [hash, flow] : model) {
    const Position at = table.find(hash);
    RC_ASSERT(at != kNoPosition);
    RC_ASSERT(table.member(at) == flow.member);
    RC_ASSERT(table.state(at) == flow.state);
    RC_ASSERT(table.seen(at) == flow.seen);
  }
}

/// Without flows there is no overflow to remember either: lookups read one line again.
void expect_clean_when_emptied(FlowTable& table, std::span<std::byte> region) {
  table.erase_if(0, table.bucket_count(), [](std::uint32_t, FlowState) { return true; });
  const auto* buckets = reinterpret_cast<const fl_flow_bucket*>(region.data() + FL_LINE_BYTES);
  for (std::uint32_t b = 0; b < table.bucket_count(); ++b)
    for (const std::uint32_t entry : buckets[b].entry) RC_ASSERT(entry == 0U);
}

/// Members are unique per flow, so an ended entry names its flow.
void forget(Model& model, const EndedFlow& ended) {
  const auto flow = std::find_if(model.begin(), model.end(), [&](const auto& entry) {
    return entry.second.member == ended.member;
  });
  RC_ASSERT(flow != model.end());
  RC_ASSERT(flow->second.state == ended.state);
  model.erase(flow);
}

TEST(FlowTableModel, TableAndMapAgreeAfterAnySequence) {
  const bool held = rc::check("insert, touch, change state, erase, expire", [] {
    testing::FlowMemory memory(*rc::gen::element<std::uint64_t>(2, 4, 8));
    FlowTable table = FlowTable::attach(memory.region()).value();
    const IdleLimits limits{.fresh = 5, .confirmed = 50, .closing = 10, .udp = 5, .shortest = 5};
    Model model;
    Tick now = static_cast<Tick>(*rc::gen::arbitrary<std::uint16_t>());
    base::Nanoseconds now_ns = now * FL_FLOW_TICK_NS;
    const auto steps = *rc::gen::container<std::vector<std::pair<int, std::uint64_t>>>(
        400, rc::gen::pair(rc::gen::inRange(0, 10), rc::gen::inRange<std::uint64_t>(0, 120))
    );
    for (const auto& [step, flow] : steps) {
      const std::uint64_t hash = hash_of(flow);
      const Position at = table.find(hash);
      RC_ASSERT((at != kNoPosition) == model.contains(hash));
      if (step < 6 && at == kNoPosition) {
        const FlowState state = step % 2 == 0 ? FlowState::kNew : FlowState::kConfirmed;
        const auto member = static_cast<std::uint32_t>(flow);
        const auto result = table.insert(hash, member, state, now, limits, kAllTcp);
        const bool refused = result.outcome == FlowTable::Outcome::kRefused;
        if (result.outcome == FlowTable::Outcome::kEvicted)
          RC_ASSERT(result.ended.state != FlowState::kConfirmed);
        if (result.ended.member != FL_NO_MEMBER) forget(model, result.ended);
        if (!refused) model[hash] = {member, state, now};
      } else if (step < 8 && at != kNoPosition) {
        if (step == 6) table.set_state(at, FlowState::kClosing);
        const bool late = table.state(at) == FlowState::kConfirmed &&
                          static_cast<Tick>(now - model[hash].seen) < FL_SEEN_STEP;
        table.touch(at, now);
        if (late) continue;
        model[hash].seen = now;
        if (step == 6) model[hash].state = FlowState::kClosing;
      } else if (step == 8 && at != kNoPosition) {
        table.erase(at);
        model.erase(hash);
      } else if (step == 9) {
        now_ns += 4 * FL_FLOW_TICK_NS;
        now = tick_of(now_ns);
        table.expire(now_ns, limits, kAllTcp, [&](const EndedFlow& ended) {
          forget(model, ended);
        });
      }
    }
    expect_same(table, model);
    expect_clean_when_emptied(table, memory.region());
  });

  EXPECT_TRUE(held);
}

}  // namespace
}  // namespace fairlead::flow
