// SPDX-License-Identifier: BSD-3-Clause
// Which of a flow's candidates takes it.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/net/gue.h"
#include "dataplane/path/context.hh"

namespace fairlead::path {

/// Slots looked at beyond the candidates when none of them can be used. In a table the neighbours
/// of a slot are other backends at random, so 64 steps miss the living eighth of a pool with
/// probability 2e-4. The walk is deterministic: the next try of the same flow ends alike.
inline constexpr std::uint32_t kWalkSlots = 64;
/// The same for ejected backends. Short, because under a flood of SYNs that nobody completes all
/// are ejected, and then every new flow walks to the end: 64 steps cost 60 ns, 16 steps 15 ns.
inline constexpr std::uint32_t kEjectedWalkSlots = 16;

struct NewFlow {
  const fl_vip* vip;
  std::uint64_t hash;
  bool probes;           // may be a half-open backend's probe: TCP, and not a repeated SYN
  bool avoid_half_open;  // repeated SYN: its last backend did not answer
};

/// Member number for a new flow: the smallest score among usable candidates (active, not ejected);
/// a half-open one takes the flow as its probe; else the first usable slot of the walk; else the
/// first active one, ejected or not; else FL_NO_MEMBER. Score: see fl_score in steer/abi.h.
std::uint32_t choose_backend(WorkerContext& context, const NewFlow& flow, bool use_external);

/// Member number that depends on nothing but flow and generation: the first candidate that is
/// active or draining, then the walk. For flows without an entry: every packet of such a flow, on
/// every node, must come to the same answer, so neither scores nor ejection count.
std::uint32_t first_candidate(const steer::TableView& table, const fl_vip& vip, std::uint64_t hash);

/// Where else an unknown connection of `first` may live, most likely first: the flow's other
/// candidates, then the earlier owners of its slots. Only serving members of the first one's
/// family, each once, at most as many as a GUE header holds. A pure function of flow and
/// generation, as first_candidate() is. Returns how many it wrote to `out`.
unsigned others_to_ask(
    const steer::TableView& table,
    const fl_vip& vip,
    std::uint64_t hash,
    const fl_member& first,
    std::array<const fl_member*, FL_GUE_MAX_HOPS>& out
);

/// True if the other workers' and nodes' counts in context.scores are fresh enough to be used.
bool external_counts_fresh(const WorkerContext& context);

}  // namespace fairlead::path
