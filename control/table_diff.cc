// SPDX-License-Identifier: BSD-3-Clause
// Slot by slot, by the backends' names: numbers of members are given anew.
#include "control/table_diff.hh"

#include <map>
#include <optional>

namespace fairlead::control {
namespace {

using ById = std::map<std::string, MemberChange>;

/// A vip of a table with what is needed to name its slots' owners.
struct Named {
  const steer::TableView& view;
  steer::Names names;
  const fl_vip* vip = nullptr;

  Named(const steer::TableView& table, const std::string& name)
      : view(table), names(steer::read_names(table)) {
    for (const fl_vip& row : view.vips())
      if (names.vip(row.vip) == name) vip = &row;
  }
  [[nodiscard]] std::uint32_t size() const { return vip == nullptr ? 0 : vip->table_size; }
  [[nodiscard]] std::string id(std::uint32_t member) const {
    return std::string(names.backend(view.member(member).backend));
  }
};

void note_members(const Named& table, bool is_now, ById& out) {
  if (table.vip == nullptr) return;
  for (std::uint32_t n = 0; n < table.view.member_count(); ++n) {
    const fl_member& member = table.view.member(n);
    if (member.state == FL_MEMBER_FREE || member.vip != table.vip->vip) continue;
    MemberChange& row = out[table.id(n)];
    (is_now ? row.state : row.state_before) = member_state_name(member.state);
    (is_now ? row.weight : row.weight_before) = member.weight;
  }
  const std::vector<std::uint32_t> counts = steer::count_slots(table.view, *table.vip);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    MemberChange& row = out[table.id(table.view.pool(*table.vip)[i])];
    (is_now ? row.slots : row.slots_before) += counts[i];
  }
}

/// Rows of a pool by position, so that a slot costs no look-up by name.
std::vector<MemberChange*> by_position(const Named& table, ById& rows) {
  std::vector<MemberChange*> out;
  for (const std::uint32_t member : table.view.pool(*table.vip))
    out.push_back(&rows[table.id(member)]);
  return out;
}

std::uint32_t note_slots(const Named& before, const Named& now, ById& rows) {
  if (before.size() != now.size() || now.size() == 0) {
    for (auto& [id, row] : rows) {
      row.gained = row.slots;
      row.lost = row.slots_before;
    }
    return now.size();
  }
  const auto old_rows = by_position(before, rows);
  const auto new_rows = by_position(now, rows);
  const auto old_slots = before.view.slots(*before.vip);
  const auto new_slots = now.view.slots(*now.vip);
  std::uint32_t moved = 0;
  for (std::size_t i = 0; i < new_slots.size(); ++i) {
    MemberChange* const from = old_rows[fl_slot_owner(old_slots[i])];
    MemberChange* const to = new_rows[fl_slot_owner(new_slots[i])];
    if (from == to) continue;
    ++from->lost;
    ++to->gained;
    ++moved;
  }
  return moved;
}

std::optional<steer::TableView> table_before(const Node& node) {
  const std::uint64_t now = node.publisher.generation();
  if (now < 2) return std::nullopt;
  const std::uint64_t bytes = node.regions.steering.header().parameter;
  const auto view = steer::TableView::attach(
      node.regions.steering.data() + FL_BANKS_OFFSET + (now - 1) % FL_BANKS * bytes, bytes
  );
  if (!view || view->generation() != now - 1) return std::nullopt;
  return *view;
}

double part_of(std::uint32_t slots, std::uint32_t size) {
  return size == 0 ? 0 : static_cast<double>(slots) / size;
}

}  // namespace

TableChange compare_tables(
    const steer::TableView& before, const steer::TableView& now, const std::string& vip
) {
  const Named old_table(before, vip);
  const Named new_table(now, vip);
  ById rows;
  note_members(old_table, false, rows);
  note_members(new_table, true, rows);
  TableChange out;
  out.size_before = old_table.size();
  out.size = new_table.size();
  out.slots_moved = note_slots(old_table, new_table, rows);
  for (auto& [id, row] : rows) {
    row.backend = id;
    if (row.any()) out.members.push_back(row);
  }
  return out;
}

Answer show_table_diff(const Node& node, const api::Request& request) {
  if (find_vip(node, *request.vip) == nullptr) return no_vip(node, *request.vip);
  const auto before = table_before(node);
  if (!before) {
    return base::fail(
        base::ErrorCode::kUnavailable,
        "there is no generation before this one to compare with, ask again after the next change"
    );
  }
  const TableChange change = compare_tables(*before, node.publisher.table(), *request.vip);
  Json rows = Json::array();
  for (const MemberChange& row : change.members) {
    rows.push_back(
        {{"backend", row.backend},
         {"state_before", row.state_before},
         {"state", row.state},
         {"weight_before", row.weight_before},
         {"weight", row.weight},
         {"slots_before", row.slots_before},
         {"slots", row.slots},
         {"share_before", part_of(row.slots_before, change.size_before)},
         {"share", part_of(row.slots, change.size)},
         {"gained", row.gained},
         {"lost", row.lost}}
    );
  }
  return Json{
      {"vip", *request.vip},
      {"generation", node.publisher.generation()},
      {"generation_before", before->generation()},
      {"size_before", change.size_before},
      {"size", change.size},
      {"slots_moved", change.slots_moved},
      {"backends", std::move(rows)}};
}

}  // namespace fairlead::control
