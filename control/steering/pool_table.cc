// SPDX-License-Identifier: BSD-3-Clause
// Reuse of tables, and the two sums over their slots.
#include "control/steering/pool_table.hh"

#include <algorithm>
#include <utility>

#include "control/steering/maglev.hh"
#include "dataplane/steer/bank_checksum.hh"

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

/// Who owned each slot before: flows that began then live there. A slot whose owner changes
/// remembers the old one; one whose owner stays keeps what it remembers. Whoever has left the pool,
/// or owns the slot again, is forgotten. Puts positions in `table.earlier` into `table.slots`.
void remember(
    const PoolTable& before, const std::vector<std::uint32_t>& position, PoolTable& table
) {
  if (before.slots.size() != table.slots.size()) return;
  std::vector<std::uint32_t> named(position.size(), 0);
  for (std::size_t s = 0; s < table.slots.size(); ++s) {
    const std::uint32_t word = before.slots[s];
    const std::uint32_t old_owner = fl_slot_member(word);
    std::uint32_t past = old_owner;
    if (old_owner == table.slots[s]) {
      if (fl_slot_earlier(word) == 0) continue;
      past = before.earlier[fl_slot_earlier(word) - 1];
    }
    const bool stays = past < position.size() && position[past] != kNobody;
    if (!stays || past == table.slots[s]) continue;
    if (named[past] == 0) {
      if (table.earlier.size() == FL_MAX_EARLIER) continue;
      table.earlier.push_back(past);
      named[past] = static_cast<std::uint32_t>(table.earlier.size());
    }
    table.slots[s] |= named[past] << FL_SLOT_EARLIER_SHIFT;
  }
}

std::uint64_t checksum_of(const PoolTable& table) {
  return checksum_of(table.slots, 0) + checksum_of(table.earlier, 0);
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
base::Result<Layers> layers_before(const PoolTable* previous, const LayerInput& in) {
  if (previous == nullptr || previous->size != in.size) return Layers{};
  if (previous->layers.base != nullptr) return previous->layers;
  std::vector<std::uint32_t> slots = previous->slots;
  for (std::uint32_t& slot : slots) slot = fl_slot_member(slot);
  return adopted_layers(slots, previous->published, in);
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
    const HashKey& key
) {
  const bool same = previous != nullptr && previous->size == size && previous->members == members;
  if (same) return NextTable{previous, 0, previous->counts};
  std::vector<std::uint64_t> identities;
  identities.reserve(ids.size());
  for (const std::string_view id : ids) identities.push_back(keyed_hash(key, id));
  const LayerInput in{members, identities, size};
  FL_ASSIGN(const Layers before, layers_before(previous.get(), in));
  PoolTable table;
  FL_ASSIGN(table.layers, next_layers(before, in));
  FL_ASSIGN(MaglevTable built, published_table(*table.layers.weighted, in));

  table.size = size;
  table.meaning = checksum_of(built.slots, kNobody);
  table.slots = std::move(built.slots);
  for (std::uint32_t& slot : table.slots) slot = members[slot].member;
  const std::vector<std::uint32_t> position = positions_of(members);
  NextTable next;
  next.moved = moved_slots(previous.get(), table.slots);
  next.slots_before = slots_of(previous.get(), position, members.size());
  if (previous != nullptr) remember(*previous, position, table);
  table.checksum = checksum_of(table);
  table.counts = std::move(built.counts);
  table.members = std::move(members);
  next.table = std::make_shared<const PoolTable>(std::move(table));
  return next;
}

}  // namespace fairlead::steering
