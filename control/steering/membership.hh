// SPDX-License-Identifier: BSD-3-Clause
// Which numbers the members of pools have: looked up by name when a pool changes its members, and
// kept as rows by position for all plans until then.
#pragma once

#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/steering/numbers.hh"
#include "control/steering/steering.hh"

namespace fairlead::steering {

/// Whether all vips are those of the plan before, by their editions: then their numbers are too.
bool knows(const Book& book, const std::vector<PoolIntent>& pools, const NodeIntent& node);

/// The book after `before`: numbers of what left are freed, what is new gets some. `records` and
/// `numbers` are by member number; of members in use the records are put, of others the numbers say
/// that they are free. Without names, records, meanings and what is by position in a table.
/// `idle_ms`: how long a flow may still mean a number that was freed.
base::Result<Book> next_book(
    const Book& before,
    const std::vector<PoolIntent>& pools,
    std::uint32_t idle_ms,
    base::Nanoseconds now,
    std::vector<fl_member>& records,
    std::vector<MemberNumbers>& numbers
);

/// What a member gets by its intent; the rest is its backend's.
inline MemberNumbers numbers_of(const BackendIntent& intent) {
  MemberNumbers m;
  m.state = static_cast<std::uint16_t>(intent.state);
  m.weight = intent.state == FL_MEMBER_ACTIVE ? intent.weight : 0;
  m.inverse_weight = intent.inverse_weight;
  m.parallel = static_cast<std::uint16_t>(intent.parallel < 255 ? intent.parallel : 255);
  if (m.inverse_weight == 0)  // 2^20 / weight, as policy::score_inverse_weight
    m.inverse_weight = intent.weight == 0 ? UINT32_MAX : (1u << 20) / intent.weight;
  return m;
}

/// Meanings of pools; equal ones of their members are the same.
class Meanings {
 public:
  /// `order`: positions by rising id.
  PoolMeaning of(const model::Vip& vip, const std::vector<std::uint32_t>& order);

 private:
  std::unordered_map<std::string_view, std::shared_ptr<const MembersMeaning>> known_;
};

}  // namespace fairlead::steering
