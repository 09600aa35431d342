// SPDX-License-Identifier: BSD-3-Clause
// Between stage 3 and 4, while queues have changed hands lately: flows that another worker's table
// knows go on to their backend and get an entry here.
#include <bit>

#include "dataplane/path/flow_state.hh"
#include "dataplane/path/known_flow.hh"
#include "dataplane/path/pipeline.hh"

namespace fairlead::path {
namespace {

/// The youngest of what the others know: an older one was left behind by an earlier change.
KnownFlow find_legacy(const WorkerContext& context, const Burst& burst, unsigned i) {
  KnownFlow best;
  for (std::uint64_t left = context.relatives.former; left != 0; left &= left - 1) {
    const auto worker = static_cast<std::uint32_t>(std::countr_zero(left));
    const KnownFlow found = known_by(context, *burst.vip[i], burst.hash[i], worker);
    if (!found.exists()) continue;
    if (!best.exists() || found.idle < best.idle) best = found;
  }
  return best;
}

/// The packet goes where an entry says that stays in another worker's table. False: it does not.
bool follow(WorkerContext& context, Burst& burst, unsigned i, const KnownFlow& known) {
  const fl_member& member = context.table.member(known.member);
  if (member.state != FL_MEMBER_ACTIVE && member.state != FL_MEMBER_DRAINING) return false;
  const net::ParsedPacket& packet = burst.parsed[i];
  const bool tcp = packet.tuple.protocol == static_cast<std::uint8_t>(net::IpProto::kTcp);
  // As the state machine has it: a new connection.
  if (tcp && is_plain_syn(packet.tcp_flags) && known.is_guess()) return false;
  if (known.is_guess()) burst.seeking |= 1U << i;
  burst.member[i] = known.member;
  burst.chosen[i] = &member;
  return true;
}

/// True: the packet has its backend.
bool inherit_packet(WorkerContext& context, Burst& burst, unsigned i) {
  flow::Position at = context.flows.find(burst.hash[i]);  // an earlier packet may have done it
  if (at == flow::kNoPosition) {
    if (burst.retried[i]) return false;  // its own table knew it, and let it go
    const KnownFlow legacy = find_legacy(context, burst, i);
    if (!legacy.exists()) return false;
    at = take_over(context, burst, i, legacy);
    if (at == flow::kNoPosition) return follow(context, burst, i, legacy);
  }
  return apply_packet(context, burst, i, at) == Hit::kKept;
}

void prefetch_legacies(const WorkerContext& context, const Burst& burst) {
  for (std::uint64_t left = context.relatives.former; left != 0; left &= left - 1) {
    const flow::FlowTable& table = context.relatives.tables[std::countr_zero(left)];
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
