// SPDX-License-Identifier: BSD-3-Clause
// Stage 5: what was set aside.
#include "dataplane/path/aside.hh"

#include "dataplane/path/candidates.hh"
#include "dataplane/path/pipeline.hh"
#include "dataplane/steer/tuple_hash.hh"

namespace fairlead::path {
namespace {

/// The member of an entry, if it can serve the vip. The table may be another worker's that is
/// writing: two looks that agree, and a member of the vip, are good enough for one packet.
KnownMember serving_member(
    const steer::TableView& table,
    const fl_vip& vip,
    const flow::FlowTable& flows,
    std::uint64_t hash
) {
  const flow::Position at = flows.find(hash);
  if (at == flow::kNoPosition) return {};
  const std::uint32_t number = flows.member(at);
  const bool guess = !flow::is_open(flows.state(at));
  if (flows.find(hash) != at || !table.serves(number, vip)) return {};
  return {number, guess};
}

/// Another worker's that has the flow open, else the first that knows it.
KnownMember known_at_peers(const WorkerContext& context, const fl_vip& vip, std::uint64_t hash) {
  const auto& tables = context.relatives.tables;
  KnownMember guess;
  for (std::size_t worker = 0; worker < tables.size(); ++worker) {
    if (worker == context.worker || !tables[worker].attached()) continue;
    const KnownMember found = serving_member(context.table, vip, tables[worker], hash);
    if (found.number == FL_NO_MEMBER) continue;
    if (!found.guess) return found;
    if (guess.number == FL_NO_MEMBER) guess = found;
  }
  return guess;
}

void place(WorkerContext& context, Burst& burst, unsigned i) {
  switch (burst.parsed[i].kind) {
    case net::PacketKind::kFirstFragment:
      return place_first_fragment(context, burst, i);
    case net::PacketKind::kLaterFragment:
      return place_later_fragment(context, burst, i);
    case net::PacketKind::kIcmpError:
      return relay_icmp_error(context, burst, i);
    case net::PacketKind::kFlow:
      break;
  }
}

/// Nothing is published: an ICMP error may still be the kernel's, a fragment is dropped as its
/// whole datagram would be.
void refuse_all(Burst& burst) {
  for (unsigned k = 0; k < burst.aside_count; ++k) {
    const unsigned i = burst.aside[k];
    if (burst.parsed[i].kind == net::PacketKind::kIcmpError) {
      punt(burst, i, FL_REASON_ICMP);
    } else {
      drop(burst, i, FL_REASON_NO_TABLE);
    }
  }
}

}  // namespace

void aside(WorkerContext& context, Burst& burst) {
  if (!context.table.valid()) return refuse_all(burst);
  const auto is_first = [&](unsigned i) {
    return burst.parsed[i].kind == net::PacketKind::kFirstFragment;
  };
  for (unsigned k = 0; k < burst.aside_count; ++k)
    if (is_first(burst.aside[k])) place(context, burst, burst.aside[k]);
  for (unsigned k = 0; k < burst.aside_count; ++k)
    if (!is_first(burst.aside[k])) place(context, burst, burst.aside[k]);
}

bool is_for_a_vip(const WorkerContext& context, const Burst& burst, unsigned i) {
  const net::FiveTuple& tuple = burst.parsed[i].tuple;
  return context.table.has_address(tuple.destination[0], tuple.destination[1], tuple.family);
}

std::uint32_t member_at_peers(const WorkerContext& context, const fl_vip& vip, std::uint64_t hash) {
  return known_at_peers(context, vip, hash).number;
}

KnownMember known_member(const WorkerContext& context, const fl_vip& vip, std::uint64_t hash) {
  const KnownMember own = serving_member(context.table, vip, context.flows, hash);
  if (own.number != FL_NO_MEMBER && !own.guess) return own;
  const KnownMember other = known_at_peers(context, vip, hash);
  return other.number != FL_NO_MEMBER && (own.number == FL_NO_MEMBER || !other.guess) ? other : own;
}

void relay_icmp_error(WorkerContext& context, Burst& burst, unsigned i) {
  const net::FiveTuple& flow = burst.parsed[i].tuple;
  const fl_vip* const vip = context.table.find_vip(
      flow.destination[0],
      flow.destination[1],
      flow.family,
      flow.protocol,
      flow.destination_port_raw()
  );
  if (vip == nullptr) return punt(burst, i, FL_REASON_ICMP);
  burst.vip[i] = vip;
  burst.hash[i] = steer::tuple_hash(context.table.hash_key(), flow);
  if (const KnownMember known = known_member(context, *vip, burst.hash[i]);
      known.number != FL_NO_MEMBER) {
    ++context.page->icmp_errors;
    if (known.guess) burst.seeking |= 1U << i;
    return go_to(context, burst, i, known.number);
  }
  const std::uint32_t member =
      vip->table_size == 0 ? FL_NO_MEMBER : first_candidate(context.table, *vip, burst.hash[i]);
  if (member == FL_NO_MEMBER) return drop(burst, i, FL_REASON_NO_BACKEND);
  ++context.page->icmp_errors_unknown;
  burst.seeking |= 1U << i;
  go_to(context, burst, i, member);
}

}  // namespace fairlead::path
