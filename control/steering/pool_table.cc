// SPDX-License-Identifier: BSD-3-Clause
// Reuse of tables, and the two sums over their slots.
#include "control/steering/pool_table.hh"

#include <algorithm>
#include <utility>

#include "control/steering/maglev.hh"
#include "dataplane/steer/bank_checksum.hh"
#include "dataplane/steer/reserves.h"

namespace fairlead::steering {
namespace {

constexpr std::size_t kWordsPerLine = FL_LINE_BYTES / sizeof(std::uint32_t);

std::uint64_t checksum_of(const std::vector<std::uint32_t>& words, std::uint32_t padding) {
  const std::size_t whole = words.size() / kWordsPerLine * kWordsPerLine;
  std::uint32_t last[kWordsPerLine];
  std::fill(std::begin(last), std::end(last), padding);
  std::copy(words.begin() + static_cast<std::ptrdiff_t>(whole), words.end(), std::begin(last));
  steer::LineChecksum sum;
  sum.add(words.data(), whole * sizeof words[0]);
  if (whole < words.size()) sum.add(last, sizeof last);
  return sum.value();
}

/// A line's part of the sum of words: what moves few slots changes few lines. `words` may end
/// within the line.
std::uint64_t line_sum(const std::vector<std::uint32_t>& words, std::size_t line) {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15ULL;
  std::uint64_t sum = line * kOdd + 1;
  const std::size_t end = std::min(line + kWordsPerLine, words.size());
  for (std::size_t i = line; i < end; ++i) {
    sum = (sum ^ words[i]) * kOdd;
    sum ^= sum >> 32;
  }
  return sum;
}

std::uint64_t sum_of_lines(const std::vector<std::uint32_t>& words) {
  std::uint64_t sum = 0;
  for (std::size_t line = 0; line < words.size(); line += kWordsPerLine)
    sum += line_sum(words, line);
  return sum;
}

/// Who owned each slot before: flows that began then live there. A slot whose owner changes
/// remembers the old one; one whose owner stays keeps what it remembers. Whoever has left the pool,
/// or owns the slot again, is forgotten.
class Past {
 public:
  /// Puts positions into `earlier`, and the words of slots that have a past into `slots`.
  Past(std::vector<std::uint32_t>& slots, std::vector<std::uint32_t>& earlier)
      : slots_(slots), earlier_(earlier) {
    for (std::uint32_t i = 0; i < earlier.size(); ++i) name(earlier[i], i + 1);
  }

  /// Slot `s` is `owner`'s and was `past`'s.
  void put(std::size_t s, std::uint32_t owner, std::uint32_t past) {
    if (past >= named_.size()) named_.resize(past + 1, 0);
    if (named_[past] == 0 && earlier_.size() < FL_MAX_EARLIER) {
      earlier_.push_back(past);
      name(past, static_cast<std::uint32_t>(earlier_.size()));
    }
    slots_[s] = owner | named_[past] << FL_SLOT_EARLIER_SHIFT;
  }

 private:
  void name(std::uint32_t member, std::uint32_t position) {
    if (member >= named_.size()) named_.resize(member + 1, 0);
    named_[member] = position;
  }

  std::vector<std::uint32_t>& slots_;
  std::vector<std::uint32_t>& earlier_;
  std::vector<std::uint32_t> named_;  // by member: one more than its position in `earlier_`
};

/// Nodes ask all members of a small pool after a connection that they do not know.
void name_all_of_few(PoolTable& table) {
  if (table.members.size() > FL_FEW_MEMBERS) return;
  for (const TableMember& m : table.members) {
    if (std::find(table.earlier.begin(), table.earlier.end(), m.member) == table.earlier.end() &&
        table.earlier.size() < FL_MAX_EARLIER)
      table.earlier.push_back(m.member);
  }
}

/// Whether the slots of a line have other owners than before, without a branch for each.
bool line_moved(const std::uint32_t* words, const std::uint32_t* owners) {
  std::uint32_t difference = 0;
  for (std::size_t i = 0; i < kWordsPerLine; ++i)
    difference |= fl_slot_member(words[i] ^ owners[i]);
  return difference != 0;
}

/// The words of a table whose members are those of `before`: looks closely only at lines with slots
/// that moved. Requires: `table.slots` are member numbers, as many as before. Returns: how many
/// moved; puts the checksum.
std::uint32_t follow(const PoolTable& before, PoolTable& table) {
  const std::vector<std::uint32_t> owners = std::move(table.slots);
  table.slots = before.slots;
  table.earlier = before.earlier;
  name_all_of_few(table);
  std::uint64_t sum = before.checksum - checksum_of(before.earlier, 0);
  Past past(table.slots, table.earlier);
  std::uint32_t moved = 0;
  for (std::size_t line = 0; line < owners.size(); line += kWordsPerLine) {
    const std::size_t end = std::min(line + kWordsPerLine, owners.size());
    if (end - line == kWordsPerLine && !line_moved(&table.slots[line], &owners[line])) continue;
    sum -= line_sum(table.slots, line);
    for (std::size_t s = line; s < end; ++s) {
      const std::uint32_t then = fl_slot_member(table.slots[s]);
      if (owners[s] == then) continue;
      past.put(s, owners[s], then);
      ++moved;
    }
    sum += line_sum(table.slots, line);
  }
  table.checksum = sum + checksum_of(table.earlier, 0);
  return moved;
}

/// The past of a table of other members, or of one that was published by another process.
void remember(
    const PoolTable& before, const std::vector<std::uint32_t>& position, PoolTable& table
) {
  if (before.slots.size() != table.slots.size()) return;
  Past remembered(table.slots, table.earlier);
  for (std::size_t s = 0; s < table.slots.size(); ++s) {
    const std::uint32_t word = before.slots[s];
    const std::uint32_t old_owner = fl_slot_member(word);
    std::uint32_t past = old_owner;
    if (old_owner == table.slots[s]) {
      if (fl_slot_earlier(word) == 0) continue;
      past = before.earlier[fl_slot_earlier(word) - 1];
    }
    const bool stays = past < position.size() && position[past] != kNobody;
    if (stays && past != table.slots[s]) remembered.put(s, table.slots[s], past);
  }
}

std::uint64_t checksum_of(const PoolTable& table) {
  return sum_of_lines(table.slots) + checksum_of(table.earlier, 0);
}

/// Slots whose owner is another one than before; all of them if there is nothing to compare with.
/// `slots`: member numbers.
std::uint32_t moved_slots(const PoolTable* before, const std::vector<std::uint32_t>& slots) {
  if (before == nullptr) return static_cast<std::uint32_t>(slots.size());
  if (slots.empty()) return static_cast<std::uint32_t>(before->slots.size());
  if (before->slots.size() != slots.size()) return static_cast<std::uint32_t>(slots.size());
  std::uint32_t moved = 0;
  for (std::size_t s = 0; s < slots.size(); ++s)
    moved += fl_slot_member(before->slots[s]) != slots[s] ? 1 : 0;
  return moved;
}

/// Slots that each of the members with these positions had.
std::vector<std::uint32_t> slots_of(
    const PoolTable* before, const std::vector<std::uint32_t>& position, std::size_t members
) {
  std::vector<std::uint32_t> counts(members, 0);
  if (before == nullptr) return counts;
  for (const std::uint32_t slot : before->slots) {
    const std::uint32_t member = fl_slot_member(slot);
    if (member < position.size() && position[member] != kNobody) ++counts[position[member]];
  }
  return counts;
}

/// What the next table is derived from.
base::Result<Layers> layers_before(
    const PoolTable* previous, const LayerInput& in, const FleetBase& fleet
) {
  if (previous == nullptr || previous->size != in.size) return Layers{};
  if (previous->layers.base != nullptr) return previous->layers;
  if (fleet.fits) return Layers{};
  std::vector<std::uint32_t> slots = previous->slots;
  for (std::uint32_t& slot : slots) slot = fl_slot_member(slot);
  return adopted_layers(slots, previous->published, in);
}

/// The layers of the next table. A node that has no base of its own begins with the fleet's.
base::Result<Layers> layers_of(
    const PoolTable* previous,
    const std::vector<std::string_view>& ids,
    const LayerInput& in,
    const FleetBase& fleet
) {
  FL_ASSIGN(Layers before, layers_before(previous, in, fleet));
  if (fleet.base == nullptr) return next_layers(before, in);
  if (!fleet.fits) {
    if (before.base == nullptr)
      before.base = std::make_shared<const Layer>(layer_of_base(fleet, ids, in));
    return next_layers(before, in);
  }
  const bool known = before.base != nullptr && is_base_of(*before.base, in);
  if (known && previous->fleet == fleet.base) return next_layers(before, in, before.base);
  Layer told = layer_of_base(fleet, ids, in);
  if (known && before.base->slots == told.slots) return next_layers(before, in, before.base);
  return next_layers(before, in, std::make_shared<const Layer>(std::move(told)));
}

/// Whether the pool still has exactly the members of `before`.
bool nobody_came_or_left(const PoolTable& before, const std::vector<TableMember>& members) {
  if (before.members.empty()) {  // restored: known by number only, in another order
    const std::vector<std::uint32_t> position = positions_of(members);
    return before.published.size() == members.size() &&
           std::all_of(before.published.begin(), before.published.end(), [&](const Weighted& m) {
             return m.member < position.size() && position[m.member] != kNobody;
           });
  }
  return std::equal(
      before.members.begin(),
      before.members.end(),
      members.begin(),
      members.end(),
      [](const TableMember& a, const TableMember& b) { return a.member == b.member; }
  );
}

/// Puts pasts into a table of member numbers, and its checksum.
NextTable words(const PoolTable* previous, PoolTable& table) {
  NextTable next;
  const std::vector<std::uint32_t> position = positions_of(table.members);
  if (previous != nullptr && previous->slots.size() == table.slots.size() &&
      nobody_came_or_left(*previous, table.members)) {
    next.slots_before = slots_of(previous, position, table.members.size());
    next.moved = follow(*previous, table);
    return next;
  }
  next.moved = moved_slots(previous, table.slots);
  next.slots_before = slots_of(previous, position, table.members.size());
  name_all_of_few(table);
  if (previous != nullptr) remember(*previous, position, table);
  table.checksum = checksum_of(table);
  return next;
}

}  // namespace

SharedTable restored_table(
    std::span<const std::uint32_t> slots,
    std::span<const std::uint32_t> earlier,
    std::vector<Weighted> published
) {
  PoolTable table;
  table.slots.assign(slots.begin(), slots.end());
  table.earlier.assign(earlier.begin(), earlier.end());
  table.checksum = checksum_of(table);
  table.size = static_cast<std::uint32_t>(table.slots.size());
  table.published = std::move(published);
  return std::make_shared<const PoolTable>(std::move(table));
}

base::Result<NextTable> next_table(
    const SharedTable& previous,
    std::vector<TableMember> members,
    const std::vector<std::string_view>& ids,
    std::uint32_t size,
    const HashKey& key,
    const FleetBase& fleet
) {
  const bool same = previous != nullptr && previous->size == size && previous->members == members;
  if (same && previous->fleet == fleet.base) return NextTable{previous, 0, previous->counts};
  std::vector<std::uint64_t> identities;
  identities.reserve(ids.size());
  for (const std::string_view id : ids) identities.push_back(keyed_hash(key, id));
  const LayerInput in{members, identities, size};
  PoolTable table;
  FL_ASSIGN(table.layers, layers_of(previous.get(), ids, in, fleet));
  if (same && table.layers.base == previous->layers.base) {  // the fleet says what was known
    table = *previous;
    table.fleet = fleet.base;
    return NextTable{std::make_shared<const PoolTable>(std::move(table)), 0, previous->counts};
  }
  FL_ASSIGN(MaglevTable built, published_table(*table.layers.weighted, in));

  table.fleet = fleet.base;
  table.size = size;
  table.meaning = checksum_of(built.slots, kNobody);
  table.slots = std::move(built.slots);
  for (std::uint32_t& slot : table.slots) slot = members[slot].member;
  table.counts = std::move(built.counts);
  table.members = std::move(members);
  NextTable next = words(previous.get(), table);
  next.table = std::make_shared<const PoolTable>(std::move(table));
  return next;
}

}  // namespace fairlead::steering
