// SPDX-License-Identifier: BSD-3-Clause
// Reading entries beside their writer.
#include "dataplane/path/known_flow.hh"

#include "dataplane/path/flow_flush.hh"
#include "dataplane/path/flow_state.hh"

namespace fairlead::path {
namespace {

using flow::FlowState;
using flow::FlowTable;

/// The compiler reads the table anew behind this.
inline void look_afresh() {
  asm volatile("" ::: "memory");
}

/// Reads an entry while its owner may be writing. An entry that is moved between its two buckets
/// may be missed by a look at both, but not by two; what was read is taken only if a second look
/// finds it unchanged, so that it is not another flow's that just took the place.
bool read_beside_writer(
    const FlowTable& table, std::uint64_t hash, flow::Tick now, KnownFlow& out
) {
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

/// An entry that its owner would not use any more is none.
bool usable(const WorkerContext& context, const fl_vip& vip, const KnownFlow& known) {
  if (known.member >= context.table.member_count()) return false;
  const fl_member& member = context.table.member(known.member);
  if (member.vip != vip.vip) return false;
  const bool udp = member.protocol == static_cast<std::uint8_t>(net::IpProto::kUdp);
  return known.idle <= context.limits.of(known.state, udp);
}

KnownFlow known_in(
    const WorkerContext& context, const fl_vip& vip, std::uint64_t hash, const FlowTable& table
) {
  KnownFlow known;
  const bool found = read_beside_writer(table, hash, flow::tick_of(context.now), known);
  return found && usable(context, vip, known) ? known : KnownFlow{};
}

}  // namespace

KnownFlow known_here(const WorkerContext& context, const fl_vip& vip, std::uint64_t hash) {
  return known_in(context, vip, hash, context.flows);
}

KnownFlow known_by(
    const WorkerContext& context, const fl_vip& vip, std::uint64_t hash, std::uint32_t worker
) {
  // Before the entry: one that is read after its owner said so has been through the owner's sweep.
  const std::uint64_t carried_out = order_carried_out_by(context, worker);
  KnownFlow known = known_in(context, vip, hash, context.relatives.tables[worker]);
  known.worker = worker;
  known.to_be_forgotten =
      known.exists() && is_to_be_forgotten(context, hash, known.member, carried_out);
  return known;
}

flow::Position take_over(
    WorkerContext& context, const Burst& burst, unsigned i, const KnownFlow& known
) {
  if (known.to_be_forgotten) return flow::kNoPosition;
  const bool settled = known.state == FlowState::kConfirmed;
  const FlowTable::Insertion insertion = context.flows.insert(
      burst.hash[i],
      known.member,
      known.state,
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
  const fl_member& member = context.table.member(known.member);
  if (flow::is_open(known.state)) ++context.page->backends[member.backend].in_flight;
  count_event(*context.page, member.vip, FL_EVENT_INHERITED);
  // A note that finds no room costs nothing but an entry that idles out.
  if (context.relatives.inherited != nullptr)
    (void)context.relatives.inherited->try_push({burst.hash[i], known.worker});
  return insertion.at;
}

}  // namespace fairlead::path
