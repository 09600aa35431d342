// SPDX-License-Identifier: BSD-3-Clause
// The flow state machine; the diagram is in docs/data-path.md.
#include "dataplane/path/flow_state.hh"

#include "dataplane/path/backend_health.hh"
#include "dataplane/path/quic.hh"

namespace fairlead::path {
namespace {

using flow::FlowState;

constexpr std::uint8_t kTcp = static_cast<std::uint8_t>(net::IpProto::kTcp);

fl_backend_counters& counters_of(WorkerContext& context, const fl_member& member) {
  return context.page->backends[member.backend];
}

void leave(fl_backend_counters& backend) {
  if (backend.in_flight != 0) --backend.in_flight;
}

Hit release(WorkerContext& context, const fl_member& member, flow::Position at) {
  const FlowState state = context.flows.state(at);
  if (state != FlowState::kClosing) leave(counters_of(context, member));
  context.flows.erase(at);
  return Hit::kReleased;
}

/// Half-open: the client has not shown yet that the backend answered.
Hit apply_to_new(
    WorkerContext& context,
    const fl_member& member,
    std::uint8_t flags,
    flow::Position at,
    bool& retried
) {
  fl_backend_counters& backend = counters_of(context, member);
  if (is_plain_syn(flags)) {
    if (standing(backend, context.now) != Standing::kGood) {
      retried = true;
      return release(context, member, at);
    }
    note_syn(backend, context.now);
    return Hit::kKept;
  }
  if ((flags & net::kTcpRst) != 0) {
    leave(backend);
    context.flows.set_state(at, FlowState::kClosing);
    return Hit::kKept;
  }
  note_handshake(backend);
  if ((flags & net::kTcpFin) != 0) {
    leave(backend);
    context.flows.set_state(at, FlowState::kClosing);
  } else {
    context.flows.set_state(at, FlowState::kConfirmed);
  }
  return Hit::kKept;
}

Hit apply_to_confirmed(
    WorkerContext& context,
    const fl_member& member,
    std::uint8_t flags,
    flow::Position at,
    flow::Tick now
) {
  if (is_plain_syn(flags)) {
    // A live flow stays where it is; a spoofed SYN does not even keep it alive.
    if (context.flows.idle(at, now) > context.limits.confirmed) return release(context, member, at);
    return Hit::kKept;
  }
  if ((flags & (net::kTcpFin | net::kTcpRst)) != 0) {
    leave(counters_of(context, member));
    context.flows.set_state(at, FlowState::kClosing);
  }
  context.flows.touch(at, now);
  return Hit::kKept;
}

Hit apply_tcp(
    WorkerContext& context,
    const fl_member& member,
    std::uint8_t flags,
    flow::Position at,
    bool& retried
) {
  const flow::Tick now = flow::tick_of(context.now);
  switch (context.flows.state(at)) {
    case FlowState::kConfirmed:
      return apply_to_confirmed(context, member, flags, at, now);
    case FlowState::kNew: {
      const Hit hit = apply_to_new(context, member, flags, at, retried);
      if (hit == Hit::kKept) context.flows.touch(at, now);
      return hit;
    }
    case FlowState::kClosing:
      if (is_plain_syn(flags)) return release(context, member, at);
      context.flows.touch(at, now);
      return Hit::kKept;
    case FlowState::kEmpty:
      break;
  }
  return Hit::kReleased;
}

/// True if the packet's QUIC connection id names another backend than the entry's: the client's
/// address was somebody else's before, or it has opened a new connection from its old port.
bool belongs_elsewhere(WorkerContext& context, const Burst& burst, unsigned i, flow::Position at) {
  if ((burst.vip[i]->flags & FL_VIP_QUIC) == 0) return false;
  const std::uint32_t named = quic_member(context, burst, i);
  if (named == FL_NO_MEMBER) return false;
  if (named != context.flows.member(at)) return true;
  ++context.page->quic_named;
  return false;
}

Hit apply_udp(
    WorkerContext& context,
    const Burst& burst,
    unsigned i,
    const fl_member& member,
    flow::Position at
) {
  if (belongs_elsewhere(context, burst, i, at)) return release(context, member, at);
  const flow::Tick now = flow::tick_of(context.now);
  if (context.flows.idle(at, now) > context.limits.udp) return release(context, member, at);
  if (context.flows.state(at) == FlowState::kNew)
    context.flows.set_state(at, FlowState::kConfirmed);
  context.flows.touch(at, now);
  return Hit::kKept;
}

}  // namespace

Hit apply_packet(WorkerContext& context, Burst& burst, unsigned i, flow::Position at) {
  burst.retried[i] = false;
  const std::uint32_t number = context.flows.member(at);
  // An earlier packet of the burst may have released the entry.
  if (context.flows.state(at) == FlowState::kEmpty) return Hit::kReleased;
  if (number >= context.table.member_count()) {
    context.flows.erase(at);
    return Hit::kReleased;
  }
  const fl_member& member = context.table.member(number);
  if (member.vip != burst.vip[i]->vip) return Hit::kForeign;
  if (member.state != FL_MEMBER_ACTIVE && member.state != FL_MEMBER_DRAINING) {
    burst.retried[i] = true;
    return release(context, member, at);
  }
  const net::ParsedPacket& packet = burst.parsed[i];
  const Hit hit = packet.tuple.protocol == kTcp
                      ? apply_tcp(context, member, packet.tcp_flags, at, burst.retried[i])
                      : apply_udp(context, burst, i, member, at);
  if (hit == Hit::kKept) {
    // Perhaps adopted in mid-life: its backend is a guess, and stays one.
    if (context.flows.state(at) == FlowState::kClosing) burst.seeking |= 1U << i;
    burst.member[i] = number;
    burst.chosen[i] = &member;
  }
  return hit;
}

void note_ended(WorkerContext& context, const flow::EndedFlow& ended) {
  if (ended.state != FlowState::kNew && ended.state != FlowState::kConfirmed) return;
  if (ended.member >= context.table.member_count()) return;
  leave(counters_of(context, context.table.member(ended.member)));
}

}  // namespace fairlead::path
