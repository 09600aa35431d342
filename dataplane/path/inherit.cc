// SPDX-License-Identifier: BSD-3-Clause
// Between stage 3 and 4, while queues have changed hands lately: flows that another worker's table
// knows go on to their backend and get an entry here.
#include <bit>

#include "dataplane/path/candidates.hh"
#include "dataplane/path/flow_state.hh"
#include "dataplane/path/pipeline.hh"

namespace fairlead::path {
namespace {

using flow::FlowState;
using flow::FlowTable;

/// What another worker's table says about a flow.
struct Legacy {
  std::uint32_t member = FL_NO_MEMBER;
  FlowState state = FlowState::kEmpty;
  flow::Tick idle = 0;
  std::uint32_t worker = 0;
};

/// The compiler reads the table anew behind this.
inline void look_afresh() {
  asm volatile("" ::: "memory");
}

/// Reads an entry while its owner may be writing. An entry that is moved between its two buckets
/// may be missed by a look at both, but not by two; what was read is taken only if a second look
/// finds it unchanged, so that it is not another flow's that just took the place.
bool read_beside_writer(const FlowTable& table, std::uint64_t hash, flow::Tick now, Legacy& out) {
  for (unsigned look = 0; look < 2; ++look) {
    const flow::Position at = table.find(hash);
    look_afresh();
    if (at == flow::kNoPosition) continue;
    const std::uint32_t member = table.member(at);
    const FlowState state = table.state(at);
    const flow::Tick idle = table.idle(at, now);
    look_afresh();
    if (table.find(hash) != at || table.member(at) != member) continue;
    if (state == FlowState::kEmpty) continue;
    out.member = member;
    out.state = state;
    out.idle = idle;
    return true;
  }
  return false;
}

/// An entry that its owner would not use any more is no legacy either.
bool usable(const WorkerContext& context, const Burst& burst, unsigned i, const Legacy& legacy) {
  if (legacy.member >= context.table.member_count()) return false;
  const fl_member& member = context.table.member(legacy.member);
  if (member.vip != burst.vip[i]->vip) return false;
  const bool udp = member.protocol == static_cast<std::uint8_t>(net::IpProto::kUdp);
  return legacy.idle <= context.limits.of(legacy.state, udp);
}

/// The youngest of what the others know: an older one was left behind by an earlier change.
Legacy find_legacy(const WorkerContext& context, const Burst& burst, unsigned i) {
  const flow::Tick now = flow::tick_of(context.now);
  Legacy best;
  for (std::uint64_t left = context.relatives.former; left != 0; left &= left - 1) {
    const auto worker = static_cast<std::uint32_t>(std::countr_zero(left));
    Legacy found;
    if (!read_beside_writer(context.relatives.tables[worker], burst.hash[i], now, found)) continue;
    if (!usable(context, burst, i, found)) continue;
    found.worker = worker;
    if (best.member == FL_NO_MEMBER || found.idle < best.idle) best = found;
  }
  return best;
}

/// Makes the entry the own one. False: no room; the next packet finds it where it is.
flow::Position take_over(
    WorkerContext& context, const Burst& burst, unsigned i, const Legacy& legacy
) {
  const bool settled = legacy.state == FlowState::kConfirmed;
  const FlowTable::Insertion insertion = context.flows.insert(
      burst.hash[i],
      legacy.member,
      legacy.state,
      flow::tick_of(context.now),
      context.limits,
      protocol_of(context.table),
      settled ? FlowTable::Evict::kAllowed : FlowTable::Evict::kNever
  );
  if (insertion.outcome == FlowTable::Outcome::kRefused) return flow::kNoPosition;
  if (insertion.outcome != FlowTable::Outcome::kInserted) {
    const bool expired = insertion.outcome == FlowTable::Outcome::kReclaimed;
    note_ended(
        context,
        insertion.ended,
        expired ? FL_EVENT_EVICTED_EXPIRED : eviction_of(insertion.ended.state)
    );
  }
  const fl_member& member = context.table.member(legacy.member);
  if (flow::is_open(legacy.state)) ++context.page->backends[member.backend].in_flight;
  count_event(*context.page, member.vip, FL_EVENT_INHERITED);
  // A note that finds no room costs nothing but an entry that idles out.
  if (context.relatives.inherited != nullptr)
    (void)context.relatives.inherited->try_push({burst.hash[i], legacy.worker});
  return insertion.at;
}

/// True: the packet has its backend.
bool inherit_packet(WorkerContext& context, Burst& burst, unsigned i) {
  flow::Position at = context.flows.find(burst.hash[i]);  // an earlier packet may have done it
  if (at == flow::kNoPosition) {
    if (burst.retried[i]) return false;  // its own table knew it, and let it go
    const Legacy legacy = find_legacy(context, burst, i);
    if (legacy.member == FL_NO_MEMBER) return false;
    at = take_over(context, burst, i, legacy);
    if (at == flow::kNoPosition) {
      const fl_member& member = context.table.member(legacy.member);
      if (member.state != FL_MEMBER_ACTIVE && member.state != FL_MEMBER_DRAINING) return false;
      burst.member[i] = legacy.member;
      burst.chosen[i] = &member;
      return true;
    }
  }
  return apply_packet(context, burst, i, at) == Hit::kKept;
}

void prefetch_legacies(const WorkerContext& context, const Burst& burst) {
  for (std::uint64_t left = context.relatives.former; left != 0; left &= left - 1) {
    const FlowTable& table = context.relatives.tables[std::countr_zero(left)];
    for (std::uint32_t missed = burst.missed; missed != 0; missed &= missed - 1)
      table.prefetch(burst.hash[static_cast<unsigned>(__builtin_ctz(missed))]);
  }
}

}  // namespace

void inherit(WorkerContext& context, Burst& burst) {
  if (context.now > context.relatives.until) {
    context.relatives.former = 0;
    return;
  }
  if (burst.missed == 0) return;
  prefetch_legacies(context, burst);
  burst.unknown = burst.beginning = 0;  // what enters a flow here, stage 4 has to meet
  for (std::uint32_t left = burst.missed; left != 0; left &= left - 1) {
    const auto i = static_cast<unsigned>(__builtin_ctz(left));
    if (inherit_packet(context, burst, i)) burst.missed &= ~(1U << i);
  }
  context.page->flows = context.flows.size();
}

void hand_over(WorkerContext& context, const Inheritance& inherited) {
  const flow::Position at = context.flows.find(inherited.hash);
  if (at == flow::kNoPosition) return;
  note_ended(context, {context.flows.member(at), context.flows.state(at)}, FL_EVENT_HANDED_OVER);
  context.flows.erase(at);
  context.page->flows = context.flows.size();
}

}  // namespace fairlead::path
