// SPDX-License-Identifier: BSD-3-Clause
// Stage 4: backends for packets without a flow entry; new flows are entered.
#include "dataplane/path/aside.hh"
#include "dataplane/path/backend_health.hh"
#include "dataplane/path/candidates.hh"
#include "dataplane/path/flow_state.hh"
#include "dataplane/path/new_flow_meter.hh"
#include "dataplane/path/pipeline.hh"
#include "dataplane/path/quic.hh"

namespace fairlead::path {
namespace {

using flow::FlowState;
using flow::FlowTable;

/// What does not change within a burst.
struct Selection {
  bool use_external;
  bool flooded = false;  // some flow was refused by the meter
};

/// Why a packet without an entry is here.
enum class Arrival : std::uint8_t {
  kNewFlow,   // SYN, or UDP
  kMidLife,   // TCP of a connection that began elsewhere
  kLastWord,  // FIN or RST of such a connection: not worth an entry
};

Arrival arrival_of(const net::ParsedPacket& packet) {
  if (packet.tuple.protocol != static_cast<std::uint8_t>(net::IpProto::kTcp))
    return Arrival::kNewFlow;
  if (is_plain_syn(packet.tcp_flags)) return Arrival::kNewFlow;
  const bool last = (packet.tcp_flags & (net::kTcpFin | net::kTcpRst)) != 0;
  return last ? Arrival::kLastWord : Arrival::kMidLife;
}

void count_insertion(
    WorkerContext& context, const fl_vip& vip, const FlowTable::Insertion& insertion
) {
  fl_vip_counters& counters = context.page->vips[vip.vip];
  if (insertion.outcome == FlowTable::Outcome::kRefused) {
    ++counters.inserts_refused;
    ++context.page->flow_inserts_refused;
    return;
  }
  ++counters.inserts;
  ++context.page->flow_inserts;
  if (insertion.outcome == FlowTable::Outcome::kInserted) return;
  note_ended(context, insertion.ended);
  if (insertion.outcome == FlowTable::Outcome::kReclaimed) {
    ++context.page->flow_expired;
  } else {
    ++counters.evictions;
    ++context.page->flow_evictions;
  }
}

bool enter(
    WorkerContext& context,
    Burst& burst,
    unsigned i,
    std::uint32_t member,
    FlowState state,
    FlowTable::Evict evict
) {
  const FlowTable::Insertion insertion = context.flows.insert(
      burst.hash[i],
      member,
      state,
      flow::tick_of(context.now),
      context.limits,
      protocol_of(context.table),
      evict
  );
  count_insertion(context, *burst.vip[i], insertion);
  return insertion.outcome != FlowTable::Outcome::kRefused;
}

void log_decision(WorkerContext& context, const Burst& burst, unsigned i, std::uint32_t member) {
  if (context.decisions == nullptr || !context.decisions->enabled()) return;
  const Decision decision{
      context.now,
      burst.parsed[i].tuple,
      burst.vip[i]->vip,
      context.table.member(member).backend,
      member};
  if (context.decisions->try_push(decision)) {
    ++context.page->decisions_logged;
  } else {
    ++context.page->decisions_skipped;
  }
}

/// A new flow below the limit: best candidate, and an entry. FL_NO_MEMBER if it got none.
std::uint32_t track_new_flow(
    WorkerContext& context, Burst& burst, unsigned i, const Selection& selection
) {
  const bool tcp = burst.parsed[i].tuple.protocol == static_cast<std::uint8_t>(net::IpProto::kTcp);
  const NewFlow flow{burst.vip[i], burst.hash[i], tcp && !burst.retried[i], burst.retried[i]};
  const std::uint32_t member = choose_backend(context, flow, selection.use_external);
  if (member == FL_NO_MEMBER) return member;
  if (!enter(context, burst, i, member, FlowState::kNew, FlowTable::Evict::kAllowed))
    return FL_NO_MEMBER;
  fl_backend_counters& backend = context.page->backends[context.table.member(member).backend];
  ++backend.flows_begun;
  ++backend.in_flight;
  if (tcp) note_syn(backend, context.now);
  return member;
}

bool is_whole_tcp(const net::ParsedPacket& packet) {
  return packet.tuple.protocol == static_cast<std::uint8_t>(net::IpProto::kTcp) &&
         packet.kind == net::PacketKind::kFlow;
}

/// A flow of UDP that another worker has in its table: it began there with a fragment, or this
/// worker sees its first fragment.
std::uint32_t flow_of_peer(const WorkerContext& context, const Burst& burst, unsigned i) {
  const base::Nanoseconds last = context.peers == nullptr ? 0 : context.peers->fragment_flow_ns();
  const base::Nanoseconds memory = (context.limits.udp + 1) * FL_FLOW_TICK_NS;
  const bool worth_a_look = burst.parsed[i].kind == net::PacketKind::kFirstFragment ||
                            (last != 0 && last + memory > context.now);
  return worth_a_look ? member_at_peers(context, *burst.vip[i], burst.hash[i]) : FL_NO_MEMBER;
}

/// What is known of a flow although this worker's table does not have it: of UDP and of fragments.
std::uint32_t placed_elsewhere(WorkerContext& context, const Burst& burst, unsigned i) {
  const std::uint32_t named = quic_member(context, burst, i);
  if (named == FL_NO_MEMBER) return flow_of_peer(context, burst, i);
  ++context.page->quic_named;
  ++context.page->quic_moved;
  return named;
}

std::uint32_t decide(
    WorkerContext& context, Burst& burst, unsigned i, Selection& selection, bool may_enter
) {
  const Arrival arrival = arrival_of(burst.parsed[i]);
  if (!is_whole_tcp(burst.parsed[i])) {
    const std::uint32_t known = placed_elsewhere(context, burst, i);
    if (known != FL_NO_MEMBER && may_enter)
      (void)enter(context, burst, i, known, FlowState::kClosing, FlowTable::Evict::kNever);
    if (known != FL_NO_MEMBER) return known;
  }
  if (arrival == Arrival::kNewFlow && may_enter) {
    if (const std::uint32_t member = track_new_flow(context, burst, i, selection);
        member != FL_NO_MEMBER)
      return member;
  }
  // Without an entry every packet of the flow has to come to the same backend by itself.
  const std::uint32_t member = first_candidate(context.table, *burst.vip[i], burst.hash[i]);
  if (arrival == Arrival::kMidLife && may_enter && member != FL_NO_MEMBER)
    (void)enter(context, burst, i, member, FlowState::kClosing, FlowTable::Evict::kNever);
  return member;
}

/// An earlier packet of this burst may have entered the flow by now.
Hit look_again(WorkerContext& context, Burst& burst, unsigned i) {
  const flow::Position at = context.flows.find(burst.hash[i]);
  if (at == flow::kNoPosition) return Hit::kReleased;
  const bool retried = burst.retried[i];
  const Hit hit = apply_packet(context, burst, i, at);
  burst.retried[i] = burst.retried[i] || retried;
  return hit;
}

void select_packet(WorkerContext& context, Burst& burst, unsigned i, Selection& selection) {
  const fl_vip& vip = *burst.vip[i];
  const Hit hit = look_again(context, burst, i);
  if (hit == Hit::kKept) return;
  if (vip.table_size == 0) return drop(burst, i, FL_REASON_NO_BACKEND);
  const Arrival arrival = arrival_of(burst.parsed[i]);
  const bool within_limit = arrival == Arrival::kLastWord ||
                            take_credit(context.meter, context.table.bank().new_flow_limit);
  selection.flooded = selection.flooded || !within_limit;
  const bool may_enter = within_limit && hit != Hit::kForeign;
  // Nobody here saw it begin: the first candidate is a guess.
  if (arrival != Arrival::kNewFlow) burst.seeking |= 1U << i;
  const std::uint32_t member = decide(context, burst, i, selection, may_enter);
  if (member == FL_NO_MEMBER) return drop(burst, i, FL_REASON_NO_BACKEND);
  burst.member[i] = member;
  burst.chosen[i] = &context.table.member(member);
  if (arrival == Arrival::kNewFlow) log_decision(context, burst, i, member);
}

/// First touch of the slots that the candidates lie in, for all missed packets before the first is
/// decided: the misses overlap.
void prefetch_slots(const WorkerContext& context, const Burst& burst) {
  for (unsigned k = 0; k < burst.missed_count; ++k) {
    const unsigned i = burst.missed[k];
    const fl_vip& vip = *burst.vip[i];
    for (std::uint32_t c = 0; c < vip.choices && vip.table_size != 0; ++c)
      __builtin_prefetch(
          context.table.slot_address(vip, fl_candidate_slot(burst.hash[i], c, vip.table_size)), 0, 3
      );
  }
}

void prefetch_members(const WorkerContext& context, const Burst& burst) {
  for (unsigned k = 0; k < burst.missed_count; ++k) {
    const unsigned i = burst.missed[k];
    const fl_vip& vip = *burst.vip[i];
    for (std::uint32_t c = 0; c < vip.choices && vip.table_size != 0; ++c) {
      const std::uint32_t slot = fl_candidate_slot(burst.hash[i], c, vip.table_size);
      __builtin_prefetch(&context.table.member(context.table.slot(vip, slot)), 0, 3);
    }
  }
}

}  // namespace

void place_by_flow(WorkerContext& context, Burst& burst, unsigned i) {
  const bool hit = context.flows.find(burst.hash[i]) != flow::kNoPosition;
  fl_vip_counters& counters = context.page->vips[burst.vip[i]->vip];
  ++(hit ? counters.hits : counters.misses);
  ++(hit ? context.page->flow_hits : context.page->flow_misses);
  burst.retried[i] = false;
  refill(context.meter, context.table.bank().new_flow_limit, context.now);
  Selection selection{external_counts_fresh(context)};
  select_packet(context, burst, i, selection);
  context.page->flows = context.flows.size();
}

void select(WorkerContext& context, Burst& burst) {
  if (burst.missed_count == 0) return;
  prefetch_slots(context, burst);
  prefetch_members(context, burst);
  refill(context.meter, context.table.bank().new_flow_limit, context.now);
  Selection selection{external_counts_fresh(context)};
  for (unsigned k = 0; k < burst.missed_count; ++k)
    select_packet(context, burst, burst.missed[k], selection);
  context.page->flows = context.flows.size();
  if (selection.flooded) ++context.page->flood_bursts;
}

}  // namespace fairlead::path
