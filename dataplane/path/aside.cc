// SPDX-License-Identifier: BSD-3-Clause
// Stage 5: what was set aside.
#include "dataplane/path/aside.hh"

#include "dataplane/path/candidates.hh"
#include "dataplane/path/pipeline.hh"
#include "dataplane/steer/tuple_hash.hh"

namespace fairlead::path {
namespace {

/// Of use for one packet: the member serves.
KnownFlow if_serving(const WorkerContext& context, const fl_vip& vip, const KnownFlow& known) {
  return known.exists() && context.table.serves(known.member, vip) ? known : KnownFlow{};
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

KnownFlow known_at_peers(const WorkerContext& context, const fl_vip& vip, std::uint64_t hash) {
  const auto& tables = context.relatives.tables;
  KnownFlow guess;
  for (std::uint32_t worker = 0; worker < tables.size(); ++worker) {
    if (worker == context.worker || !tables[worker].attached()) continue;
    const KnownFlow found = if_serving(context, vip, known_by(context, vip, hash, worker));
    if (!found.exists()) continue;
    if (!found.is_guess()) return found;
    if (!guess.exists()) guess = found;
  }
  return guess;
}

KnownFlow known_flow(const WorkerContext& context, const fl_vip& vip, std::uint64_t hash) {
  const KnownFlow own = if_serving(context, vip, known_here(context, vip, hash));
  if (own.exists() && !own.is_guess()) return own;
  const KnownFlow other = known_at_peers(context, vip, hash);
  return other.exists() && (!own.exists() || !other.is_guess()) ? other : own;
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
  if (const KnownFlow known = known_flow(context, *vip, burst.hash[i]); known.exists()) {
    ++context.page->icmp_errors;
    if (known.is_guess()) burst.seeking |= 1U << i;
    return go_to(context, burst, i, known.member);
  }
  const std::uint32_t member =
      vip->table_size == 0 ? FL_NO_MEMBER : first_candidate(context.table, *vip, burst.hash[i]);
  if (member == FL_NO_MEMBER) return drop(burst, i, FL_REASON_NO_BACKEND);
  ++context.page->icmp_errors_unknown;
  burst.seeking |= 1U << i;
  go_to(context, burst, i, member);
}

}  // namespace fairlead::path
