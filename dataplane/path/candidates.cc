// SPDX-License-Identifier: BSD-3-Clause
// Candidates, scores, and the walk past unusable ones.
#include "dataplane/path/candidates.hh"

#include <algorithm>

#include "dataplane/steer/score.h"

namespace fairlead::path {
namespace {

/// Up to `limit` slots after candidate 0's, in order, wrapping: calls visit(slot) until it returns
/// true.
template <typename Visit>
void walk(const fl_vip& vip, std::uint64_t hash, std::uint32_t limit, const Visit& visit) {
  std::uint32_t slot = fl_candidate_slot(hash, 0, vip.table_size);
  const std::uint32_t steps = std::min(limit, vip.table_size - 1);
  for (std::uint32_t step = 0; step < steps; ++step) {
    slot = slot + 1 == vip.table_size ? 0 : slot + 1;
    if (visit(slot)) return;
  }
}

/// The same for their members: visit(member number).
template <typename Visit>
void walk_members(
    const steer::TableView& table,
    const fl_vip& vip,
    std::uint64_t hash,
    std::uint32_t limit,
    const Visit& visit
) {
  walk(vip, hash, limit, [&](std::uint32_t slot) { return visit(table.slot(vip, slot)); });
}

/// In flight at a member's backend with one more.
std::uint64_t flows_with_new(
    const WorkerContext& context, const fl_member& member, bool use_external
) {
  const bool counted = use_external && context.scores != nullptr;
  const std::uint64_t external =
      counted ? context.scores->score[context.worker][member.backend].external : 0;
  return context.page->backends[member.backend].in_flight + external + 1;
}

std::uint32_t inverse_weight(const WorkerContext& context, const fl_member& member) {
  if (context.scores == nullptr) return member.inverse_weight;
  const std::uint32_t scored = context.scores->score[context.worker][member.backend].inverse_weight;
  return scored == 0 ? member.inverse_weight : scored;
}

std::uint64_t score(
    const WorkerContext& context, const fl_member& member, std::uint32_t inverse, bool use_external
) {
  const std::uint64_t flows = flows_with_new(context, member, use_external);
  return fl_score_value(flows, fl_member_parallel(&member), inverse);
}

/// As a new flow must see it.
Standing standing_for_new(WorkerContext& context, const fl_member& member) {
  fl_backend_counters& backend = context.page->backends[member.backend];
  const Standing now = standing(backend, context.now);
  if (now == Standing::kHalfOpen && !may_be_tried(context.scores, member.backend, backend))
    return Standing::kEjected;
  return now;
}

/// Usable without reservation: active, in good standing, not full by order of control.
bool is_good(WorkerContext& context, const fl_member& member) {
  return member.state == FL_MEMBER_ACTIVE && inverse_weight(context, member) != kLooksFull &&
         standing(context.page->backends[member.backend], context.now) == Standing::kGood;
}

/// Nobody is good: the first active member among candidates and walk, ejected or not.
std::uint32_t first_active(const steer::TableView& table, const fl_vip& vip, std::uint64_t hash) {
  std::uint32_t found = FL_NO_MEMBER;
  const auto take_active = [&](std::uint32_t number) {
    if (table.member(number).state != FL_MEMBER_ACTIVE) return false;
    found = number;
    return true;
  };
  for (std::uint32_t c = 0; c < vip.choices; ++c)
    if (take_active(table.slot(vip, fl_candidate_slot(hash, c, vip.table_size)))) return found;
  walk_members(table, vip, hash, kWalkSlots, take_active);
  return found;
}

/// A member's place among those that are compared: the smaller the better.
struct Place {
  std::uint64_t score;
  base::Nanoseconds since;  // when it was given a flow last, or nearly so

  /// The only node chooses as evenly as least connections does: equals take turns, the longest
  /// unused one first. Else the one that was met first.
  [[nodiscard]] bool is_before(const Place& other, bool in_turn) const {
    return score < other.score || (in_turn && score == other.score && since < other.since);
  }
};

/// The best of `best`, a usable candidate, and the flow's reserves, if the flow would wait there; a
/// reserve has to be active, in good standing without doubt, and not to look full. Of many reserves
/// only as many are compared as it takes to find one that is known to be free.
std::uint32_t best_with_reserves(
    const WorkerContext& context,
    const fl_vip& vip,
    std::uint64_t hash,
    std::uint32_t best,
    bool use_external
) {
  const bool many = (vip.flags & FL_VIP_ONLY_NODE) != 0;
  const auto place_of = [&](const fl_member& member, std::uint32_t inverse) {
    return Place{
        score(context, member, inverse, use_external),
        context.page->backends[member.backend].pending_since_ns};
  };
  const auto waits = [&](const fl_member& member) {
    return fl_waits(flows_with_new(context, member, use_external), fl_member_parallel(&member));
  };
  const fl_member& candidate = context.table.member(best);
  if (!waits(candidate)) return best;
  Place best_place = place_of(candidate, inverse_weight(context, candidate));
  const std::uint32_t reserves =
      fl_reserves(vip.choices, vip.encapsulation, candidate.family, vip.flags);
  walk_members(context.table, vip, hash, reserves, [&](std::uint32_t number) {
    const fl_member& member = context.table.member(number);
    const std::uint32_t inverse = inverse_weight(context, member);
    const bool usable = member.state == FL_MEMBER_ACTIVE && inverse != kLooksFull &&
                        is_undisputed(context.page->backends[member.backend], context.now);
    if (!usable) return false;
    const Place place = place_of(member, inverse);
    if (!place.is_before(best_place, many)) return false;
    best = number;
    best_place = place;
    return many && !waits(member);
  });
  return best;
}

}  // namespace

bool external_counts_fresh(const WorkerContext& context) {
  return context.scores != nullptr && context.scores->updated_ns != 0 &&
         context.now < context.scores->updated_ns + FL_SCORES_STALE_NS;
}

std::uint32_t choose_backend(WorkerContext& context, const NewFlow& flow, bool use_external) {
  const fl_vip& vip = *flow.vip;
  std::uint32_t best = FL_NO_MEMBER;
  std::uint64_t best_score = ~std::uint64_t{0};
  for (std::uint32_t c = 0; c < vip.choices; ++c) {
    const std::uint32_t number =
        context.table.slot(vip, fl_candidate_slot(flow.hash, c, vip.table_size));
    const fl_member& member = context.table.member(number);
    if (member.state != FL_MEMBER_ACTIVE) continue;
    const std::uint32_t inverse = inverse_weight(context, member);
    if (inverse == kLooksFull) continue;
    fl_backend_counters& backend = context.page->backends[member.backend];
    const Standing now = standing_for_new(context, member);
    if (now != Standing::kGood) [[unlikely]] {
      if (now == Standing::kHalfOpen && flow.may_be_trial) {
        begin_trial(backend, context.now);
        return number;
      }
      if (now == Standing::kEjected || flow.avoid_half_open) continue;
    }
    const std::uint64_t s = score(context, member, inverse, use_external);
    if (s >= best_score) continue;
    best = number;
    best_score = s;
  }
  if (best != FL_NO_MEMBER) [[likely]]
    return best_with_reserves(context, vip, flow.hash, best, use_external);
  walk_members(context.table, vip, flow.hash, kEjectedWalkSlots, [&](std::uint32_t number) {
    if (!is_good(context, context.table.member(number))) return false;
    best = number;
    return true;
  });
  return best != FL_NO_MEMBER ? best : first_active(context.table, vip, flow.hash);
}

std::uint32_t first_candidate(
    const steer::TableView& table, const fl_vip& vip, std::uint64_t hash
) {
  std::uint32_t found = FL_NO_MEMBER;
  const auto take_serving = [&](std::uint32_t number) {
    const std::uint8_t state = table.member(number).state;
    if (state != FL_MEMBER_ACTIVE && state != FL_MEMBER_DRAINING) return false;
    found = number;
    return true;
  };
  for (std::uint32_t c = 0; c < vip.choices; ++c)
    if (take_serving(table.slot(vip, fl_candidate_slot(hash, c, vip.table_size)))) return found;
  walk_members(table, vip, hash, kWalkSlots, take_serving);
  return found;
}

unsigned others_to_ask(
    const steer::TableView& table,
    const fl_vip& vip,
    std::uint64_t hash,
    const fl_member& first,
    std::array<const fl_member*, FL_GUE_MAX_HOPS>& out,
    unsigned most
) {
  const unsigned longest =
      fl_longest_list(vip.choices, vip.encapsulation, vip.protocol, first.family, vip.pool_size);
  most = std::min(most, longest);
  unsigned count = 0;
  const auto add = [&](std::uint32_t number) {
    if (number == FL_NO_MEMBER || count == most) return;
    const fl_member& member = table.member(number);
    const bool serves = member.state == FL_MEMBER_ACTIVE || member.state == FL_MEMBER_DRAINING;
    const auto end = out.begin() + count;
    const bool known = &member == &first || std::find(out.begin(), end, &member) != end;
    if (serves && !known && member.family == first.family && member.vip == vip.vip)
      out[count++] = &member;
  };
  if (vip.table_size == 0 || most == 0) return 0;
  const std::uint32_t reserves = fl_reserves(vip.choices, vip.encapsulation, first.family, 0);
  const auto slot_of = [&](std::uint32_t c) { return fl_candidate_slot(hash, c, vip.table_size); };
  const auto add_owner = [&](std::uint32_t slot) {
    add(table.slot(vip, slot));
    return count == most;
  };
  const auto add_earlier = [&](std::uint32_t slot) {
    add(table.earlier_owner(vip, slot));
    return count == most;
  };
  for (std::uint32_t c = 0; c < vip.choices; ++c) add_owner(slot_of(c));
  walk(vip, hash, reserves, add_owner);
  for (std::uint32_t c = 0; c < vip.choices; ++c) add_earlier(slot_of(c));
  walk(vip, hash, reserves, add_earlier);
  walk(vip, hash, FL_ASKED_SLOTS, add_owner);
  if (vip.pool_size <= FL_FEW_MEMBERS)
    for (const std::uint32_t number : table.pool(vip)) add(number);
  return count;
}

}  // namespace fairlead::path
