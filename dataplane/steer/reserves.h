/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// Where a flow may go besides its candidates, and how long a hop list must be for another node to
/// find it there: one rule for the workers, the gate's eBPF program, control and the simulator.
#ifndef FAIRLEAD_STEER_RESERVES_H
#define FAIRLEAD_STEER_RESERVES_H

#include "dataplane/net/gue.h"
#include "dataplane/steer/abi.h"

/// Candidates and reserves of a flow, together. Each is a slot, and each slot may have an earlier
/// owner, so another node has up to twice as many backends to ask: the outer destination, and
/// fl_most_hops() more.
#define FL_MAX_POSITIONS 5u
#define FL_USUAL_RESERVES 2u

/// Of a pool of so many members at most everybody is asked for whom a hop list has room, whether
/// slots name them or not.
#define FL_FEW_MEMBERS (FL_GUE_MAX_HOPS + 1u)

/// Of the only node (FL_VIP_ONLY_NODE): it knows by itself all that is in flight, and looks for the
/// free core among more backends.
#define FL_RESERVES_OF_ONLY_NODE 62u

/// Reserves of a flow: so many slots behind its first candidate's, whose members are compared too
/// where the best candidate would make it wait. Where all is well they cost nothing; near
/// saturation they find the free core that few candidates miss (docs/policies.md). Plain Maglev,
/// one candidate, has none; nor has GUE over IPv6, where each would cost clients 32 bytes of MTU.
/// `family`: the best candidate's.
static inline uint32_t fl_reserves(
    uint32_t choices, uint32_t encapsulation, uint32_t family, uint32_t vip_flags
) {
  if (choices < 2u || choices > FL_MAX_POSITIONS) return 0;
  if (encapsulation == FL_ENCAP_GUE && family == 6) return 0;
  if (vip_flags & FL_VIP_ONLY_NODE) return FL_RESERVES_OF_ONLY_NODE;
  const uint32_t room = FL_MAX_POSITIONS - choices;
  const uint32_t most = room < FL_USUAL_RESERVES ? room : FL_USUAL_RESERVES;
  return choices - 1u < most ? choices - 1u : most;
}

/// Hops that clients are told to leave room for: everybody who owns one of the flow's slots or did
/// so before, with the usual reserves, but for the outer destination. Only TCP over GUE has any.
/// `family`: the outer header's.
static inline uint32_t fl_most_hops(
    uint32_t choices, uint32_t encapsulation, uint32_t protocol, uint32_t family
) {
  if (encapsulation != FL_ENCAP_GUE || protocol != 6 || choices == 0) return 0;
  return 2u * (choices + fl_reserves(choices, encapsulation, family, 0)) - 1u;
}

/// Slots behind the first candidate's whose owners are asked where a list has room: with all
/// earlier owners that clients leave room for, as many as it can name. More than the usual
/// reserves, because the flow may have begun on a walk past ejected backends, or on a node that was
/// the only one then.
#define FL_ASKED_SLOTS 16u

/// Most hops of a packet that has room for them. Over IPv4 that is everybody of a small pool, and
/// everybody who may be a reserve: clients' packets are mostly short (acknowledgements, requests),
/// so it costs them no MTU.
static inline uint32_t fl_longest_list(
    uint32_t choices, uint32_t encapsulation, uint32_t protocol, uint32_t family, uint32_t pool_size
) {
  const uint32_t told = fl_most_hops(choices, encapsulation, protocol, family);
  const int far = choices > 1u || pool_size <= FL_FEW_MEMBERS;
  return told && family != 6 && far ? FL_GUE_MAX_HOPS : told;
}

#endif
