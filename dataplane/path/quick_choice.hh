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
  return vip.table_size > FL_MAX_RESERVES && (vip.flags & FL_VIP_STATELESS) == 0;
}

/// Members of a flow's candidates and, behind them, its reserves.
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
  const std::uint32_t end = vip.choices + fl_reserves(vip.choices, vip.encapsulation, 4);
  for (std::uint32_t position = vip.choices; position < end; ++position) {
    slot = slot + 1 == vip.table_size ? 0 : slot + 1;
    look_up(position, slot);
  }
}

/// What backends offer new flows, as of one burst.
class Offers {
 public:
  Offers(const WorkerContext& context, bool use_external)
      : members_(context.table.members().data()),
        backends_(context.page->backends),
        scores_(context.scores == nullptr ? kNoScores : context.scores->score[context.worker]),
        external_mask_(use_external ? ~std::uint32_t{0} : 0),
        now_(context.now) {}

  [[nodiscard]] const fl_member& member(std::uint32_t number) const { return members_[number]; }

  /// The member for a new flow of the vip, or FL_NO_MEMBER: ask choose_backend(). Changes nothing.
  [[nodiscard]] std::uint32_t choose(const fl_vip& vip, const Positions& positions) const {
    Comparison so_far;
    for (std::uint32_t c = 0; c < vip.choices; ++c) compare(positions[c], c, so_far);
    std::uint32_t best = positions[so_far.best % 8];
    if (waits(best)) {
      const std::uint32_t end =
          vip.choices + fl_reserves(vip.choices, vip.encapsulation, members_[best].family);
      for (std::uint32_t r = vip.choices; r < end; ++r) compare(positions[r], r, so_far);
      best = positions[so_far.best % 8];
    }
    return so_far.all_is_well() ? best : FL_NO_MEMBER;
  }

 private:
  /// The smallest score so far, and whether there was anything that needs a closer look: or-ed
  /// together and asked once.
  struct Comparison {
    std::uint64_t best = ~std::uint64_t{0};  // score * 8 + position
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

  [[nodiscard]] std::uint64_t flows_with_new(const fl_member& member) const {
    const std::uint32_t external = scores_[member.backend].external & external_mask_;
    return std::uint64_t{backends_[member.backend].in_flight} + external + 1;
  }
  [[nodiscard]] bool waits(std::uint32_t number) const {
    const fl_member& member = members_[number];
    return fl_waits(flows_with_new(member), fl_member_parallel(&member)) != 0;
  }
  [[gnu::always_inline]] void compare(
      std::uint32_t number, std::uint32_t position, Comparison& so_far
  ) const {
    const fl_member& member = members_[number];
    const fl_backend_counters& backend = backends_[member.backend];
    const std::uint32_t scored = scores_[member.backend].inverse_weight;
    const std::uint32_t inverse = scored != 0 ? scored : member.inverse_weight;
    const std::uint64_t score =
        fl_score_value(flows_with_new(member), fl_member_parallel(&member), inverse);
    // The earlier position on a tie.
    so_far.best = std::min(so_far.best, score * 8 + position);
    so_far.scores |= score;
    so_far.ejected |= backend.ejected_until_ns;
    so_far.silence |= now_ - backend.pending_since_ns;
    so_far.inverse |= inverse;
    so_far.states |= std::uint32_t{member.state} ^ FL_MEMBER_ACTIVE;
  }

  static constexpr fl_score kNoScores[FL_MAX_BACKENDS] = {};

  const fl_member* members_;
  const fl_backend_counters* backends_;
  const fl_score* scores_;
  std::uint32_t external_mask_;
  base::Nanoseconds now_;
};

}  // namespace fairlead::path
