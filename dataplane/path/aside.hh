// SPDX-License-Identifier: BSD-3-Clause
// Packets without ports of their own: fragments, and ICMP errors about a flow. They are set aside
// by parse() and come to their backend here, after the burst's ordinary packets.
#pragma once

#include <cstdint>

#include "dataplane/path/burst.hh"
#include "dataplane/path/context.hh"
#include "dataplane/path/known_flow.hh"

namespace fairlead::path {

/// Finds vip and backend of every packet that parse() set aside and adds it to `live` for encap(),
/// or gives it a verdict: kWait for a later fragment whose first one has not come. In order of
/// arrival, but first fragments before all others.
void aside(WorkerContext& context, Burst& burst);

/// An ICMP error: to the backend of the flow whose packet it quotes, by the flow tables, else to
/// the flow's first candidate. The flow's state and age stay as they are: anybody can send an ICMP
/// error.
void relay_icmp_error(WorkerContext& context, Burst& burst, unsigned i);

/// The first fragment of a datagram is a packet of its flow like any other; where it goes is
/// remembered for the others.
void place_first_fragment(WorkerContext& context, Burst& burst, unsigned i);
void place_later_fragment(WorkerContext& context, Burst& burst, unsigned i);

/// Where the flow `hash` of a vip goes, as far as some worker of this process knows: an entry whose
/// member is active or draining; an open one before others. Changes nothing.
[[nodiscard]] KnownFlow known_flow(
    const WorkerContext& context, const fl_vip& vip, std::uint64_t hash
);
/// The same without a look at this worker's own table.
[[nodiscard]] KnownFlow known_at_peers(
    const WorkerContext& context, const fl_vip& vip, std::uint64_t hash
);

/// True if packet i's destination is some vip's address, whatever protocol and port.
[[nodiscard]] bool is_for_a_vip(const WorkerContext& context, const Burst& burst, unsigned i);

/// Sends packet i to a member. Requires: burst.vip[i] is set.
inline void go_to(WorkerContext& context, Burst& burst, unsigned i, std::uint32_t member) {
  burst.member[i] = member;
  burst.chosen[i] = &context.table.member(member);
  burst.live[burst.live_count++] = static_cast<std::uint8_t>(i);
}

/// Fragments that need wait no longer because another worker has seen their first one. Looks at
/// most once a millisecond.
void look_at_peers(WorkerContext& context);

}  // namespace fairlead::path
