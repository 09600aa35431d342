// SPDX-License-Identifier: BSD-3-Clause
// The flow state machine; the diagram is in docs/data-path.md.
#include "dataplane/path/flow_state.hh"

#include "dataplane/path/backend_health.hh"
#include "dataplane/path/quic.hh"

namespace fairlead::path {
namespace {

using flow::FlowState;

/// An ACK so long after an RST (more than 250 ms) shows that the client lives.
constexpr flow::Tick kTicksToRevive = 2;

fl_backend_counters& counters_of(WorkerContext& context, const fl_member& member) {
  return context.page->backends[member.backend];
}

void leave(fl_backend_counters& backend) {
  if (backend.in_flight != 0) --backend.in_flight;
}

Hit release(
    WorkerContext& context, const fl_member& member, flow::Position at, fl_flow_event event
) {
  if (flow::is_open(context.flows.state(at))) leave(counters_of(context, member));
  count_event(*context.page, member.vip, event);
  context.flows.erase(at);
  return Hit::kReleased;
}

/// The flow's next state; an open flow is in its backend's count, another is not.
Hit become(WorkerContext& context, const fl_member& member, flow::Position at, FlowState next) {
  const bool was_open = flow::is_open(context.flows.state(at));
  if (was_open && !flow::is_open(next)) leave(counters_of(context, member));
  if (!was_open && flow::is_open(next)) ++counters_of(context, member).in_flight;
  context.flows.set_state(at, next);
  context.flows.touch(at, flow::tick_of(context.now));
  return Hit::kKept;
}

Hit stay(WorkerContext& context, flow::Position at) {
  context.flows.touch(at, flow::tick_of(context.now));
  return Hit::kKept;
}

/// What a segment says about its connection.
enum class Says : std::uint8_t {
  kSyn,      // a new connection
  kRst,      // it is over
  kFin,      // the client has nothing more to send
  kAck,      // the client has heard from the backend
  kNothing,  // SYN and ACK: no client sends that
};

Says what_it_says(std::uint8_t flags) {
  if (is_plain_syn(flags)) return Says::kSyn;
  if ((flags & net::kTcpRst) != 0) return Says::kRst;
  if ((flags & net::kTcpFin) != 0) return Says::kFin;
  return (flags & (net::kTcpAck | net::kTcpSyn)) == net::kTcpAck ? Says::kAck : Says::kNothing;
}

/// Half-open: the client has not shown yet that the backend answered.
Hit apply_to_new(
    WorkerContext& context, const fl_member& member, Says says, flow::Position at, bool& retried
) {
  fl_backend_counters& backend = counters_of(context, member);
  switch (says) {
    case Says::kSyn:
      if (standing(backend, context.now) != Standing::kGood) {
        retried = true;
        return release(context, member, at, FL_EVENT_REROUTED);
      }
      note_syn(backend, context.now);
      return stay(context, at);
    case Says::kRst:
      return become(context, member, at, FlowState::kReset);
    case Says::kFin:
      note_handshake(backend);
      return become(context, member, at, FlowState::kClosing);
    case Says::kAck:
      note_handshake(backend);
      return become(context, member, at, FlowState::kConfirmed);
    case Says::kNothing:
      break;
  }
  return stay(context, at);
}

Hit apply_to_confirmed(
    WorkerContext& context, const fl_member& member, Says says, flow::Position at
) {
  switch (says) {
    case Says::kSyn:
      // A live flow stays where it is; a spoofed SYN does not even keep it alive.
      if (context.flows.idle(at, flow::tick_of(context.now)) > context.limits.confirmed)
        return release(context, member, at, FL_EVENT_REUSED);
      return Hit::kKept;
    case Says::kRst:
      return become(context, member, at, FlowState::kReset);
    case Says::kFin:
      return become(context, member, at, FlowState::kClosing);
    case Says::kAck:
    case Says::kNothing:
      break;
  }
  return stay(context, at);
}

/// Closing, reset or adopted: not in flight, and a SYN is a new connection.
Hit apply_to_others(WorkerContext& context, const fl_member& member, Says says, flow::Position at) {
  const FlowState state = context.flows.state(at);
  switch (says) {
    case Says::kSyn:
      return release(context, member, at, FL_EVENT_REUSED);
    case Says::kFin:
      return become(context, member, at, FlowState::kClosing);
    case Says::kAck:
      if (state != FlowState::kReset) return stay(context, at);
      // Who still talks after a while was not reset: the RST was forged. At once it may be data
      // that the RST overtook.
      if (context.flows.idle(at, flow::tick_of(context.now)) >= kTicksToRevive)
        return become(context, member, at, FlowState::kConfirmed);
      break;
    case Says::kRst:
    case Says::kNothing:
      break;
  }
  return Hit::kKept;
}

Hit apply_tcp(
    WorkerContext& context,
    const fl_member& member,
    std::uint8_t flags,
    flow::Position at,
    bool& retried
) {
  const Says says = what_it_says(flags);
  switch (context.flows.state(at)) {
    case FlowState::kConfirmed:
      return apply_to_confirmed(context, member, says, at);
    case FlowState::kNew:
      return apply_to_new(context, member, says, at, retried);
    default:
      return apply_to_others(context, member, says, at);
  }
}

/// A first fragment: the flow's whole packets may come to another worker, which has its entry then.
bool is_fragment(const Burst& burst, unsigned i) {
  return burst.parsed[i].kind == net::PacketKind::kFirstFragment;
}

Hit apply_udp(
    WorkerContext& context,
    const Burst& burst,
    unsigned i,
    const fl_member& member,
    flow::Position at
) {
  const std::uint32_t named = quic_member(context, burst, i);
  // The client's address was somebody else's before, or it has opened a new connection from its old
  // port.
  if (named != FL_NO_MEMBER && named != context.flows.member(at))
    return release(context, member, at, FL_EVENT_REUSED);
  if (named != FL_NO_MEMBER) ++context.page->quic_named;
  const FlowState state = context.flows.state(at);
  const flow::Tick idle = context.flows.idle(at, flow::tick_of(context.now));
  if (idle > context.limits.of(state, true)) return release(context, member, at, FL_EVENT_REUSED);
  // A copy stays one: the flow counts where its whole packets come, and goes where they go.
  if (state == FlowState::kAdopted && named == FL_NO_MEMBER && is_fragment(burst, i))
    return stay(context, at);
  return become(context, member, at, FlowState::kConfirmed);
}

}  // namespace

Hit apply_packet(WorkerContext& context, Burst& burst, unsigned i, flow::Position at) {
  burst.retried[i] = false;
  const std::uint32_t number = context.flows.member(at);
  // An earlier packet of the burst may have released the entry.
  if (context.flows.state(at) == FlowState::kEmpty) return Hit::kReleased;
  if (number >= context.table.member_count()) {
    ++context.page->flow_events[FL_EVENT_REROUTED];
    context.flows.erase(at);
    return Hit::kReleased;
  }
  const fl_member& member = context.table.member(number);
  if (member.vip != burst.vip[i]->vip) return Hit::kForeign;
  if (member.state != FL_MEMBER_ACTIVE && member.state != FL_MEMBER_DRAINING) {
    burst.retried[i] = true;
    return release(context, member, at, FL_EVENT_REROUTED);
  }
  const net::ParsedPacket& packet = burst.parsed[i];
  const Hit hit = packet.tuple.protocol == net::kProtoTcp
                      ? apply_tcp(context, member, packet.tcp_flags, at, burst.retried[i])
                      : apply_udp(context, burst, i, member, at);
  if (hit == Hit::kKept) {
    // Perhaps adopted in mid-life: its backend is a guess, and stays one.
    if (!flow::is_open(context.flows.state(at))) burst.seeking |= 1U << i;
    burst.member[i] = number;
    burst.chosen[i] = &member;
  }
  return hit;
}

void note_ended(WorkerContext& context, const flow::EndedFlow& ended, fl_flow_event event) {
  if (ended.member >= context.table.member_count()) {
    ++context.page->flow_events[event];  // no table knows whose it was
    return;
  }
  const fl_member& member = context.table.member(ended.member);
  count_event(*context.page, member.vip, event);
  if (flow::is_open(ended.state)) leave(counters_of(context, member));
}

}  // namespace fairlead::path
