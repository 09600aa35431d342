// SPDX-License-Identifier: BSD-3-Clause
// A vip's table in two generations: whose slots went where.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/node.hh"
#include "control/show.hh"
#include "dataplane/steer/table_view.hh"

namespace fairlead::control {

/// A backend in both tables; where it is not: no slots, weight 0, state "".
struct MemberChange {
  std::string backend;
  std::string state_before;
  std::string state;
  std::uint32_t weight_before = 0;
  std::uint32_t weight = 0;
  std::uint32_t slots_before = 0;
  std::uint32_t slots = 0;
  std::uint32_t gained = 0;  // slots that were another's
  std::uint32_t lost = 0;
  [[nodiscard]] bool any() const {
    return gained + lost > 0 || weight_before != weight || state_before != state;
  }
};

struct TableChange {
  std::uint32_t size_before = 0;  // 0: the vip is not in that table
  std::uint32_t size = 0;
  std::uint32_t slots_moved = 0;      // tables of two sizes: all
  std::vector<MemberChange> members;  // those that differ, by id
};

/// Requires: both views are valid. Cost: a pass over the vip's slots of both.
TableChange compare_tables(
    const steer::TableView& before, const steer::TableView& now, const std::string& vip
);

/// The generation in force and the one before, whose bank is whole until the next publication.
/// Errors: kNotFound, no such vip; kUnavailable, there are no two generations.
Answer show_table_diff(const Node& node, const api::Request& request);

}  // namespace fairlead::control
