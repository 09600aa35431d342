// SPDX-License-Identifier: BSD-3-Clause
// Which backend a new flow gets where all is well: all that are compared are active, in good
// standing, and none looks full. The same as choose_backend() would choose (candidates.hh), which
// is the definition; in one straight piece, where nothing but the question whether to look at
// reserves depends on a branch that could not be foreseen.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "dataplane/path/candidates.hh"

namespace fairlead::path {

/// Whether new flows of a vip can be chosen for in this way.
[[nodiscard]] inline bool has_quick_choice(const fl_vip& vip) {
  return vip.table_size > FL_USUAL_RESERVES && (vip.flags & FL_VIP_STATELESS) == 0;
}

/// Members of a flow's candidates and, behind them, its reserves, if these are not many.
using Positions = std::array<std::uint32_t, FL_MAX_POSITIONS>;
static_assert(FL_MAX_CANDIDATES <= FL_MAX_POSITIONS);

/// The members at all of a flow's positions, and the first touch of their records. Requires:
/// has_quick_choice().
inline void look_up_positions(
    const steer::TableView& table, const fl_vip& vip, std::uint64_t hash, Positions& out
) {
  const std::uint32_t* const slots = table.slot_address(vip, 0);
  const std::uint32_t* const pool = table.pool(vip).data();
  const fl_member* const members = table.members().data();
  const auto look_up = [&](std::uint32_t position, std::uint32_t slot) {
    const std::uint32_t member = pool[fl_slot_owner(slots[slot])];
    out[position] = member;
    __builtin_prefetch(&members[member], 0, 3);
  };
  for_each_slot(vip, hash, look_up);
  std::uint32_t slot = fl_candidate_slot(hash, 0, vip.table_size);
  if ((vip.flags & FL_VIP_ONLY_NODE) != 0) return;  // too many to ask for before one knows
  const std::uint32_t end = vip.choices + fl_reserves(vip.choices, vip.encapsulation, 4, vip.flags);
  for (std::uint32_t position = vip.choices; position < end; ++position) {
    slot = slot + 1 == vip.table_size ? 0 : slot + 1;
    look_up(position, slot);
  }
}

/// What backends offer new flows, as of one burst.
class Offers {
 public:
  Offers(const WorkerContext& context, bool use_external)
      : table_(context.table),
        members_(context.table.members().data()),
        backends_(context.page->backends),
        scores_(context.scores == nullptr ? kNoScores : context.scores->score[context.worker]),
        external_mask_(use_external ? ~std::uint32_t{0} : 0),
        now_(context.now) {}

  [[nodiscard]] const fl_member& member(std::uint32_t number) const { return members_[number]; }

  /// The member for a new flow of the vip, or FL_NO_MEMBER: ask choose_backend(). Changes nothing.
  [[nodiscard]] std::uint32_t choose(
      const fl_vip& vip, std::uint64_t hash, const Positions& positions
  ) const {
    Comparison so_far;
    for (std::uint32_t c = 0; c < vip.choices; ++c) compare(positions[c], c, so_far);
    std::uint32_t best = positions[so_far.best % kPositions];
    if (waits(best)) {
      const std::uint32_t reserves =
          fl_reserves(vip.choices, vip.encapsulation, members_[best].family, vip.flags);
      if ((vip.flags & FL_VIP_ONLY_NODE) != 0)
        return best_of_many(vip, hash, best, reserves, so_far);
      const std::uint32_t end = vip.choices + reserves;
      for (std::uint32_t r = vip.choices; r < end; ++r) compare(positions[r], r, so_far);
      best = positions[so_far.best % kPositions];
    }
    return so_far.all_is_well() ? best : FL_NO_MEMBER;
  }

 private:
  static constexpr std::uint32_t kPositions = 8;  // a power of two
  static_assert(FL_MAX_POSITIONS <= kPositions);

  /// The smallest score so far, and whether there was anything that needs a closer look: or-ed
  /// together and asked once.
  struct Comparison {
    std::uint64_t best = ~std::uint64_t{0};  // score * kPositions + position
    std::uint64_t scores = 0;
    std::uint64_t ejected = 0;
    std::uint64_t silence = 0;  // since handshakes begun have not been completed; or a guess
    std::uint32_t inverse = 0;
    std::uint32_t states = 0;  // 0: all are active

    [[nodiscard]] bool all_is_well() const {
      constexpr unsigned kShort = 27;  // 2^27 ns and shorter is no reason to eject
      static_assert((std::uint64_t{1} << kShort) < kEjectSilence);
      static_assert(kLooksFull >> 31 == 1);
      return (scores >> 61 | silence >> kShort | inverse >> 31 | ejected | states) == 0;
    }
  };

  /// The same with the many reserves of the only node, one after the other until one is free;
  /// equals take turns.
  [[nodiscard, gnu::noinline]] std::uint32_t best_of_many(
      const fl_vip& vip,
      std::uint64_t hash,
      std::uint32_t best,
      std::uint32_t reserves,
      Comparison so_far
  ) const {
    const std::uint32_t* const slots = table_.slot_address(vip, 0);
    const std::uint32_t* const pool = table_.pool(vip).data();
    std::uint64_t best_score = so_far.best / kPositions;
    std::uint64_t since = backends_[members_[best].backend].pending_since_ns;
    std::uint32_t slot = fl_candidate_slot(hash, 0, vip.table_size);
    const std::uint32_t steps = std::min(reserves, vip.table_size - 1);
    for (std::uint32_t step = 0; step < steps; ++step) {
      slot = slot + 1 == vip.table_size ? 0 : slot + 1;
      const std::uint32_t number = pool[fl_slot_owner(slots[slot])];
      const std::uint64_t score = look_at(number, so_far);
      const std::uint64_t used = backends_[members_[number].backend].pending_since_ns;
      if (score > best_score || (score == best_score && used >= since)) continue;
      best = number;
      best_score = score;
      since = used;
      if (!waits(number)) break;
    }
    return so_far.all_is_well() ? best : FL_NO_MEMBER;
  }

  [[nodiscard]] std::uint64_t flows_with_new(const fl_member& member) const {
    const std::uint32_t external = scores_[member.backend].external & external_mask_;
    return std::uint64_t{backends_[member.backend].in_flight} + external + 1;
  }
  [[nodiscard]] int waits(std::uint32_t number) const {
    const fl_member& member = members_[number];
    return fl_waits(flows_with_new(member), fl_member_parallel(&member));
  }
  [[gnu::always_inline]] void compare(
      std::uint32_t number, std::uint32_t position, Comparison& so_far
  ) const {
    // The earlier position on a tie.
    so_far.best = std::min(so_far.best, look_at(number, so_far) * kPositions + position);
  }
  /// A member's score, and whether all is well with it.
  [[gnu::always_inline]] std::uint64_t look_at(std::uint32_t number, Comparison& so_far) const {
    const fl_member& member = members_[number];
    const fl_backend_counters& backend = backends_[member.backend];
    const std::uint32_t scored = scores_[member.backend].inverse_weight;
    const std::uint32_t inverse = scored != 0 ? scored : member.inverse_weight;
    const std::uint64_t score =
        fl_score_value(flows_with_new(member), fl_member_parallel(&member), inverse);
    so_far.scores |= score;
    so_far.ejected |= backend.ejected_until_ns;
    so_far.silence |= now_ - backend.pending_since_ns;
    so_far.inverse |= inverse;
    so_far.states |= std::uint32_t{member.state} ^ FL_MEMBER_ACTIVE;
    return score;
  }

  static constexpr fl_score kNoScores[FL_MAX_BACKENDS] = {};

  const steer::TableView& table_;
  const fl_member* members_;
  const fl_backend_counters* backends_;
  const fl_score* scores_;
  std::uint32_t external_mask_;
  base::Nanoseconds now_;
};

}  // namespace fairlead::path
