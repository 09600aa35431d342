// SPDX-License-Identifier: BSD-3-Clause
// Which of a flow's candidates takes it.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/net/gue.h"
#include "dataplane/path/backend_health.hh"
#include "dataplane/path/context.hh"
#include "dataplane/steer/reserves.h"
#include "dataplane/steer/score.h"

namespace fairlead::path {

/// Slots looked at beyond the candidates when none of them can be used. In a table the neighbours
/// of a slot are other backends at random, so 64 steps miss the living eighth of a pool with
/// probability 2e-4. The walk is deterministic: the next try of the same flow ends alike.
inline constexpr std::uint32_t kWalkSlots = 64;
/// The same for ejected backends. Short, because under a flood of SYNs that nobody completes all
/// are ejected, and then every new flow walks to the end: 64 steps cost 60 ns, 16 steps 15 ns.
inline constexpr std::uint32_t kEjectedWalkSlots = 16;
static_assert(kEjectedWalkSlots <= FL_ASKED_SLOTS, "whoever the walk finds is asked after");

/// An inverse weight by which control says that a backend is to look full.
inline constexpr std::uint32_t kLooksFull = 0xffffffffU;

struct NewFlow {
  const fl_vip* vip;
  std::uint64_t hash;
  bool may_be_trial;     // of a half-open backend: TCP, and not a repeated SYN
  bool avoid_half_open;  // repeated SYN: its last backend did not answer
};

/// Member number for a new flow: the smallest score among usable candidates (active, not ejected),
/// and of the reserves (fl_reserves) if it would wait there; a half-open candidate takes the flow
/// as its trial; else the first usable slot of the walk; else the first active one, ejected or not;
/// else FL_NO_MEMBER. Score: see fl_score_value in steer/score.h. Where all is well,
/// quick_choice.hh comes to the same in less time.
std::uint32_t choose_backend(WorkerContext& context, const NewFlow& flow, bool use_external);

/// Calls visit(number, slot) for each of a flow's candidates. Requires: table_size is not 0.
template <typename Visit>
void for_each_slot(const fl_vip& vip, std::uint64_t hash, const Visit& visit) {
  // Unrolled, fl_candidate_slot() is two multiplications by constants.
#pragma GCC unroll 4
  for (std::uint32_t c = 0; c < FL_MAX_CANDIDATES; ++c) {
    if (c >= vip.choices) return;
    visit(c, fl_candidate_slot(hash, c, vip.table_size));
  }
}

/// First touch of the slots that the candidates lie in.
inline void prefetch_slots(const steer::TableView& table, const fl_vip& vip, std::uint64_t hash) {
  if (vip.table_size == 0) return;
  for_each_slot(vip, hash, [&](std::uint32_t, std::uint32_t slot) {
    __builtin_prefetch(table.slot_address(vip, slot), 0, 3);
  });
}

/// Member number that depends on nothing but flow and generation: the first candidate that is
/// active or draining, then the walk. For flows without an entry: every packet of such a flow, on
/// every node, must come to the same answer, so neither scores nor ejection count.
std::uint32_t first_candidate(const steer::TableView& table, const fl_vip& vip, std::uint64_t hash);

/// Where else an unknown connection of `first` may live, most likely first: the flow's other
/// candidates, its reserves, the earlier owners of all these slots, and with the room that they
/// leave the members of the walk, where it went if all its candidates were ejected or full when it
/// began, then all members of a small pool. Only serving members of the first one's family, each
/// once, at most `most` of fl_longest_list(). A pure function of flow and generation, as
/// first_candidate() is. Returns how many it wrote to `out`.
unsigned others_to_ask(
    const steer::TableView& table,
    const fl_vip& vip,
    std::uint64_t hash,
    const fl_member& first,
    std::array<const fl_member*, FL_GUE_MAX_HOPS>& out,
    unsigned most = FL_GUE_MAX_HOPS
);

/// True if the other workers' and nodes' counts in context.scores are fresh enough to be used.
bool external_counts_fresh(const WorkerContext& context);

}  // namespace fairlead::path
