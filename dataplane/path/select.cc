// SPDX-License-Identifier: BSD-3-Clause
// Stage 4: backends for packets without a flow entry; new flows are entered.
#include "dataplane/path/aside.hh"
#include "dataplane/path/backend_health.hh"
#include "dataplane/path/candidates.hh"
#include "dataplane/path/flow_state.hh"
#include "dataplane/path/new_flow_meter.hh"
#include "dataplane/path/no_client.hh"
#include "dataplane/path/pipeline.hh"
#include "dataplane/path/quic.hh"
#include "dataplane/path/quick_choice.hh"

namespace fairlead::path {
namespace {

using flow::FlowState;
using flow::FlowTable;

/// What there is to know within a burst.
struct Selection {
  bool use_external;
  bool calm;  // the meter has credit for a whole burst of new flows
  bool logs;  // decisions are wanted
  flow::Tick tick;
  Offers offers;
  bool flooded = false;     // some flow was refused by the meter
  bool strays = false;      // some flow may have entered outside its home bucket, by enter()
  std::uint32_t begun = 0;  // by begin_ordinary()
};

Selection selection_of(const WorkerContext& context) {
  const bool use_external = external_counts_fresh(context);
  return {
      .use_external = use_external,
      .calm = has_credit_for(context.new_flows, context.table.bank().new_flow_limit, kBurstPackets),
      .logs = context.decisions != nullptr && context.decisions->enabled(),
      .tick = flow::tick_of(context.now),
      .offers = Offers(context, use_external),
  };
}

/// Why a packet without an entry is here.
enum class Arrival : std::uint8_t {
  kNewFlow,  // SYN, or UDP
  kMidLife,  // TCP of a connection that began elsewhere
  kPassing,  // FIN or RST of such a connection, or no ACK in it: not worth an entry
};

Arrival arrival_of(const net::ParsedPacket& packet) {
  if (packet.tuple.protocol != net::kProtoTcp) return Arrival::kNewFlow;
  if (is_plain_syn(packet.tcp_flags)) return Arrival::kNewFlow;
  constexpr std::uint8_t kAll = net::kTcpSyn | net::kTcpAck | net::kTcpFin | net::kTcpRst;
  return (packet.tcp_flags & kAll) == net::kTcpAck ? Arrival::kMidLife : Arrival::kPassing;
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
  const bool expired = insertion.outcome == FlowTable::Outcome::kReclaimed;
  note_ended(
      context,
      insertion.ended,
      expired ? FL_EVENT_EVICTED_EXPIRED : eviction_of(insertion.ended.state)
  );
}

bool enter(
    WorkerContext& context,
    const Burst& burst,
    unsigned i,
    std::uint32_t member,
    FlowState state,
    FlowTable::Evict evict,
    Selection& selection
) {
  const FlowTable::Insertion insertion = context.flows.insert(
      burst.hash[i],
      member,
      state,
      selection.tick,
      context.limits,
      protocol_of(context.table),
      evict
  );
  count_insertion(context, *burst.vip[i], insertion);
  selection.strays = true;
  return insertion.outcome != FlowTable::Outcome::kRefused;
}

/// Enters a flow that began elsewhere, if there is room for it.
void adopt(
    WorkerContext& context,
    const Burst& burst,
    unsigned i,
    std::uint32_t member,
    Selection& selection
) {
  if (enter(context, burst, i, member, FlowState::kAdopted, FlowTable::Evict::kNever, selection))
    count_event(*context.page, burst.vip[i]->vip, FL_EVENT_ADOPTED);
}

void log_decision(WorkerContext& context, const Burst& burst, unsigned i, std::uint32_t member) {
  const Decision decision{
      context.now,
      parsed_packet(burst, i).tuple,
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
    WorkerContext& context, Burst& burst, unsigned i, Selection& selection
) {
  const bool tcp = burst.parsed[i].tuple.protocol == net::kProtoTcp;
  const NewFlow flow{burst.vip[i], burst.hash[i], tcp && !burst.retried[i], burst.retried[i]};
  const std::uint32_t member = choose_backend(context, flow, selection.use_external);
  if (member == FL_NO_MEMBER) return member;
  if (!enter(context, burst, i, member, FlowState::kNew, FlowTable::Evict::kAllowed, selection))
    return FL_NO_MEMBER;
  fl_backend_counters& backend = context.page->backends[context.table.member(member).backend];
  ++backend.flows_begun;
  ++backend.in_flight;
  if (tcp) note_syn(backend, context.now);
  return member;
}

/// What nearly all packets without an entry are: a SYN below the limit of new flows, of a flow that
/// nobody can have met, to candidates with which all is well, with room in its home bucket. The
/// same as select_packet() does, which is the definition. False: ask that; nothing has changed.
[[gnu::always_inline]] inline bool begin_ordinary(
    WorkerContext& context,
    Burst& burst,
    unsigned i,
    const Positions& positions,
    Selection& selection
) {
  const fl_vip& vip = *burst.vip[i];
  const std::uint64_t hash = burst.hash[i];
  const std::uint32_t number = selection.offers.choose(vip, hash, positions);
  // It may have come before in this burst.
  const flow::Home home = context.flows.home_of(hash);
  const bool met = home.has_tag || (selection.strays && home.overflowed);
  const bool odd = met || home.free == flow::kNoPosition || is_no_client(context, burst, i);
  if (number == FL_NO_MEMBER || odd) [[unlikely]]
    return false;
  context.flows.insert_at_home(home.free, hash, number, FlowState::kNew, selection.tick);
  ++selection.begun;
  ++context.page->vips[vip.vip].inserts;
  const fl_member& member = selection.offers.member(number);
  fl_backend_counters& backend = context.page->backends[member.backend];
  ++backend.flows_begun;
  ++backend.in_flight;
  note_syn(backend, context.now);
  place(burst, i, number, member);
  burst.kept |= burst.fresh & 1U << i;
  return true;
}

/// What begin_ordinary() left to be counted.
void count_ordinary(WorkerContext& context, const Selection& selection) {
  context.page->flow_inserts += selection.begun;
  charge_all(context.new_flows, context.table.bank().new_flow_limit, selection.begun);
}

bool is_whole_tcp(const net::ParsedPacket& packet) {
  return packet.tuple.protocol == net::kProtoTcp && packet.kind == net::PacketKind::kFlow;
}

/// A flow of UDP that another worker has in its table: it began there with a fragment, or this
/// worker sees its first fragment.
KnownFlow flow_of_peer(const WorkerContext& context, const Burst& burst, unsigned i) {
  const base::Nanoseconds last = context.peers == nullptr ? 0 : context.peers->fragment_flow_ns();
  const base::Nanoseconds memory = (context.limits.udp + 1) * FL_FLOW_TICK_NS;
  const bool worth_a_look = burst.parsed[i].kind == net::PacketKind::kFirstFragment ||
                            (last != 0 && last + memory > context.now);
  return worth_a_look ? known_at_peers(context, *burst.vip[i], burst.hash[i]) : KnownFlow{};
}

/// An entry here for a peer's flow: of fragments a copy; whole packets come here from now on, and
/// the flow is theirs.
void join(
    WorkerContext& context,
    const Burst& burst,
    unsigned i,
    const KnownFlow& known,
    Selection& selection
) {
  if (burst.parsed[i].kind == net::PacketKind::kFirstFragment) {
    if (!known.to_be_forgotten) adopt(context, burst, i, known.member, selection);
    return;
  }
  KnownFlow whole = known;
  whole.state = FlowState::kConfirmed;  // not its first packet
  (void)take_over(context, burst, i, whole);
  selection.strays = true;
}

/// A flow of UDP, or of a fragment, that is known although this worker's table does not have it.
std::uint32_t place_elsewhere(
    WorkerContext& context, Burst& burst, unsigned i, Selection& selection, bool may_enter
) {
  if (const std::uint32_t named = quic_member(context, burst, i); named != FL_NO_MEMBER) {
    ++context.page->quic_named;
    ++context.page->quic_moved;
    if (may_enter) adopt(context, burst, i, named, selection);
    return named;
  }
  const KnownFlow known = flow_of_peer(context, burst, i);
  if (known.exists() && may_enter) join(context, burst, i, known, selection);
  return known.member;
}

std::uint32_t decide(
    WorkerContext& context,
    Burst& burst,
    unsigned i,
    Arrival arrival,
    Selection& selection,
    bool may_enter
) {
  if (!is_whole_tcp(burst.parsed[i])) {
    const std::uint32_t known = place_elsewhere(context, burst, i, selection, may_enter);
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
    adopt(context, burst, i, member, selection);
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

void refill_meters(WorkerContext& context) {
  refill(context.new_flows, context.table.bank().new_flow_limit, context.now);
  refill(context.adoptions, context.table.bank().new_flow_limit, context.now);
}

/// False: more flows come than the limit allows. Adoptions have their own meter: neither spoofed
/// ACKs nor a dead node's connections make new flows go without an entry.
bool admit(WorkerContext& context, Arrival arrival) {
  if (arrival == Arrival::kPassing) return true;
  NewFlowMeter& meter = arrival == Arrival::kNewFlow ? context.new_flows : context.adoptions;
  return take_credit(meter, context.table.bank().new_flow_limit);
}

/// A vip that does not track: every packet, on every node, goes where its connection id says, else
/// to the flow's first candidate.
void pass_stateless(WorkerContext& context, Burst& burst, unsigned i) {
  const fl_vip& vip = *burst.vip[i];
  std::uint32_t member = quic_member(context, burst, i);
  if (member == FL_NO_MEMBER) {
    member = first_candidate(context.table, vip, burst.hash[i]);
  } else {
    ++context.page->quic_named;
  }
  if (member == FL_NO_MEMBER) return drop(burst, i, FL_REASON_NO_BACKEND);
  count_event(*context.page, vip.vip, FL_EVENT_STATELESS);
  burst.member[i] = member;
  burst.chosen[i] = &context.table.member(member);
}

void select_packet(WorkerContext& context, Burst& burst, unsigned i, Selection& selection) {
  const fl_vip& vip = *burst.vip[i];
  // In a flood nothing is entered, and nobody need be looked for again.
  const bool look = (burst.unknown >> i & 1U) == 0 || selection.begun != 0 || selection.strays;
  const Hit hit = look ? look_again(context, burst, i) : Hit::kReleased;
  if (hit == Hit::kKept) return;
  if (is_no_client(context, burst, i)) return drop(burst, i, FL_REASON_MARTIAN_SOURCE);
  if (vip.table_size == 0) return drop(burst, i, FL_REASON_NO_BACKEND);
  if ((vip.flags & FL_VIP_STATELESS) != 0) return pass_stateless(context, burst, i);
  const Arrival arrival = arrival_of(burst.parsed[i]);
  const bool within_limit = admit(context, arrival);
  if (!within_limit) count_event(*context.page, vip.vip, FL_EVENT_FLOOD);
  selection.flooded = selection.flooded || !within_limit;
  const bool may_enter = within_limit && hit != Hit::kForeign;
  // Nobody here saw it begin: the first candidate is a guess.
  if (arrival != Arrival::kNewFlow) burst.seeking |= 1U << i;
  const std::uint32_t member = decide(context, burst, i, arrival, selection, may_enter);
  if (member == FL_NO_MEMBER) return drop(burst, i, FL_REASON_NO_BACKEND);
  burst.member[i] = member;
  burst.chosen[i] = &context.table.member(member);
  if (arrival == Arrival::kNewFlow && selection.logs) log_decision(context, burst, i, member);
}

void select_singly(WorkerContext& context, Burst& burst, unsigned i, Selection& selection) {
  if ((burst.fresh >> i & 1U) != 0) {
    handle_singly(burst, i);
    burst.retried[i] = false;
    burst.member[i] = FL_NO_MEMBER;
    burst.chosen[i] = nullptr;
  }
  select_packet(context, burst, i, selection);
}

}  // namespace

void place_by_flow(WorkerContext& context, Burst& burst, unsigned i) {
  const bool hit = context.flows.find(burst.hash[i]) != flow::kNoPosition;
  fl_vip_counters& counters = context.page->vips[burst.vip[i]->vip];
  ++(hit ? counters.hits : counters.misses);
  ++(hit ? context.page->flow_hits : context.page->flow_misses);
  burst.retried[i] = false;
  refill_meters(context);
  Selection selection = selection_of(context);
  burst.unknown &= ~(1U << i);
  select_packet(context, burst, i, selection);
  context.page->flows = context.flows.size();
}

void select(WorkerContext& context, Burst& burst) {
  if (burst.missed == 0) return;
  refill_meters(context);
  Selection selection = selection_of(context);
  const std::uint32_t ordinary = selection.calm ? burst.beginning : 0;
  // Of all, before the first is decided: where they have to come from memory, they come together.
  // (Stage 3 has asked for the slots.)
  std::array<Positions, kBurstPackets> positions;
  for (std::uint32_t left = ordinary; left != 0; left &= left - 1) {
    const auto i = static_cast<unsigned>(__builtin_ctz(left));
    look_up_positions(context.table, *burst.vip[i], burst.hash[i], positions[i]);
  }
  for (std::uint32_t left = burst.missed; left != 0; left &= left - 1) {
    const auto i = static_cast<unsigned>(__builtin_ctz(left));
    const bool done =
        (ordinary >> i & 1U) != 0 && begin_ordinary(context, burst, i, positions[i], selection);
    if (!done) [[unlikely]] {
      select_singly(context, burst, i, selection);
    } else if (selection.logs) [[unlikely]] {
      log_decision(context, burst, i, burst.member[i]);
    }
  }
  count_ordinary(context, selection);
  context.page->flows = context.flows.size();
  if (selection.flooded) ++context.page->flood_bursts;
}

}  // namespace fairlead::path
