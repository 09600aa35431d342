// SPDX-License-Identifier: BSD-3-Clause
// Fragments: the first one decides, the others follow or wait.
#include "dataplane/path/aside.hh"
#include "dataplane/path/flow_state.hh"
#include "dataplane/path/pipeline.hh"
#include "dataplane/path/underlay.hh"
#include "dataplane/steer/tuple_hash.hh"

namespace fairlead::path {
namespace {

using Fate = FirstFragment::Fate;

const fl_vip* find_vip(
    const steer::TableView& table,
    const net::FiveTuple& tuple,
    std::uint8_t protocol,
    std::uint16_t port_raw
) {
  return table.find_vip(
      tuple.destination[0], tuple.destination[1], tuple.family, protocol, port_raw
  );
}

void remember(
    WorkerContext& context, const Burst& burst, unsigned i, std::uint64_t datagram, Fate fate
) {
  const net::FiveTuple& tuple = burst.parsed[i].tuple;
  FirstFragment first{.fate = fate};
  if (fate == Fate::kForwardTcp || fate == Fate::kForwardUdp) {
    first.member = burst.member[i];
    first.port_raw = tuple.destination_port_raw();
  }
  context.fragments->table.record(datagram, first, context.now);
  if (!context.fragments->waiting.empty()) context.fragments->waiting.wake(datagram);
}

std::optional<FirstFragment> find_first(WorkerContext& context, std::uint64_t datagram) {
  std::optional<FirstFragment> first = context.fragments->table.use(datagram, context.now);
  if (first || context.peers == nullptr) return first;
  first = context.peers->find(context.worker, datagram, context.now);
  // Its own from now on: the fragments that follow keep this entry alive, not the peer's.
  if (first) context.fragments->table.record(datagram, *first, context.now);
  return first;
}

/// Whole packets of the flow may come to another worker: it has to look here.
void note_fragment_flow(WorkerContext& context, const net::ParsedPacket& packet) {
  if (context.peers == nullptr || packet.tuple.protocol != net::kProtoUdp) return;
  if (context.peers->fragment_flow_ns() + base::kSecond < context.now)
    context.peers->note_fragment_flow(context.now);
}

/// No first fragment is known.
void wait(WorkerContext& context, Burst& burst, unsigned i, std::uint64_t datagram) {
  if (burst.last_call != FL_REASON_NONE) return drop(burst, i, burst.last_call);
  const unsigned place = context.fragments->waiting.add(datagram, context.now);
  if (place == WaitingRoom::kNowhere) return drop(burst, i, FL_REASON_FRAGMENT_EARLY);
  burst.verdict[i] = steer::Verdict::kWait;
  burst.member[i] = place;
  ++context.page->fragments_waited;
}

/// The entry here may be a copy of another worker's, whose flow has gone on elsewhere since.
void forget_old_copy(WorkerContext& context, const fl_vip& vip, std::uint64_t hash) {
  const flow::Position at = context.flows.find(hash);
  if (at == flow::kNoPosition || context.flows.state(at) != flow::FlowState::kAdopted) return;
  const std::uint32_t member = context.flows.member(at);
  const KnownFlow known = known_flow(context, vip, hash);
  if (!known.exists() || known.is_guess() || known.member == member) return;
  note_ended(context, {member, flow::FlowState::kAdopted}, FL_EVENT_REROUTED);
  context.flows.erase(at);
}

}  // namespace

void place_first_fragment(WorkerContext& context, Burst& burst, unsigned i) {
  const net::ParsedPacket& packet = burst.parsed[i];
  const std::uint64_t datagram = datagram_hash(context.table.hash_key(), packet);
  const fl_vip* const vip = find_vip(
      context.table, packet.tuple, packet.tuple.protocol, packet.tuple.destination_port_raw()
  );
  if (vip == nullptr) {
    punt(burst, i, FL_REASON_NO_VIP);
    if (is_for_a_vip(context, burst, i)) remember(context, burst, i, datagram, Fate::kPunted);
    return;
  }
  burst.vip[i] = vip;
  burst.hash[i] = steer::tuple_hash(context.table.hash_key(), packet.tuple);
  forget_old_copy(context, *vip, burst.hash[i]);
  place_by_flow(context, burst, i);
  note_fragment_flow(context, packet);
  if (burst.chosen[i] == nullptr) return remember(context, burst, i, datagram, Fate::kDropped);
  ++context.page->fragments_first;
  const Fate forwarded =
      packet.tuple.protocol == net::kProtoTcp ? Fate::kForwardTcp : Fate::kForwardUdp;
  // Too big, no next hop: encap() says so, and nobody could put the others together without it.
  const bool goes = can_be_sent(context, burst, i);
  remember(context, burst, i, datagram, goes ? forwarded : Fate::kDropped);
  // All fragments of a datagram get the same outer entropy, so that they arrive at one queue.
  burst.hash[i] = datagram;
  // And they stay together: a backend could pass on this one alone, since the others have no ports.
  burst.seeking &= ~(1U << i);
  burst.live[burst.live_count++] = static_cast<std::uint8_t>(i);
}

void place_later_fragment(WorkerContext& context, Burst& burst, unsigned i) {
  const net::ParsedPacket& packet = burst.parsed[i];
  const std::uint64_t datagram = datagram_hash(context.table.hash_key(), packet);
  const std::optional<FirstFragment> first = find_first(context, datagram);
  if (!first) {
    if (!is_for_a_vip(context, burst, i)) return punt(burst, i, FL_REASON_NO_VIP);
    return wait(context, burst, i, datagram);
  }
  if (first->fate == Fate::kPunted) return punt(burst, i, FL_REASON_NO_VIP);
  if (first->fate == Fate::kDropped) return drop(burst, i, FL_REASON_FRAGMENT);
  const std::uint8_t protocol = first->fate == Fate::kForwardTcp ? net::kProtoTcp : net::kProtoUdp;
  const fl_vip* const vip = find_vip(context.table, packet.tuple, protocol, first->port_raw);
  // A new generation between two fragments may have taken vip or backend away.
  if (vip == nullptr || !context.table.serves(first->member, *vip))
    return drop(burst, i, FL_REASON_FRAGMENT);
  burst.vip[i] = vip;
  burst.hash[i] = datagram;
  ++context.page->fragments_later;
  go_to(context, burst, i, first->member);
}

void look_at_peers(WorkerContext& context) {
  FragmentMemory& memory = *context.fragments;
  if (memory.waiting.empty() || context.peers == nullptr) return;
  if (context.now < memory.looked_ns + base::kMillisecond) return;
  memory.looked_ns = context.now;
  memory.waiting.wake_if([&](std::uint64_t datagram) {
    return context.peers->find(context.worker, datagram, context.now).has_value();
  });
}

}  // namespace fairlead::path
