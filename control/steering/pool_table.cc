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

/// Positions in `members` by member number; kNobody for all others.
std::vector<std::uint32_t> positions_of(const std::vector<TableMember>& members) {
  std::vector<std::uint32_t> position;
  for (std::uint32_t i = 0; i < members.size(); ++i) {
    if (position.size() <= members[i].member) position.resize(members[i].member + 1, kNobody);
    position[members[i].member] = i;
  }
  return position;
}

/// Who owned each slot before: flows that began then live there. A slot whose owner changes
/// remembers the old one; one whose owner stays keeps what it remembers. Whoever has left the pool,
/// or owns the slot again, is forgotten. Puts positions in `table.earlier` into `table.slots`.
void remember(
    const PoolTable& before, const std::vector<std::uint32_t>& position, PoolTable& table
) {
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

}  // namespace

SharedTable restored_table(
    std::span<const std::uint32_t> slots, std::span<const std::uint32_t> earlier
) {
  PoolTable table;
  table.slots.assign(slots.begin(), slots.end());
  table.earlier.assign(earlier.begin(), earlier.end());
  table.checksum = checksum_of(table);
  return std::make_shared<const PoolTable>(std::move(table));
}

base::Result<NextTable> next_table(
    const SharedTable& previous,
    std::vector<TableMember> members,
    const std::vector<std::string_view>& ids,
    std::uint32_t size,
    const HashKey& key
) {
  const bool fresh = previous == nullptr || previous->slots.size() != size;
  if (!fresh && previous->members == members) return NextTable{previous, 0, previous->counts};
  std::vector<MaglevBackend> backends;
  for (std::size_t i = 0; i < members.size(); ++i)
    backends.push_back({keyed_hash(key, ids[i]), members[i].weight});

  NextTable next;
  next.slots_before.assign(members.size(), 0);
  std::vector<std::uint32_t> owners;  // of the previous slots
  const std::vector<std::uint32_t> position = positions_of(members);
  if (previous != nullptr) {
    owners.reserve(previous->slots.size());
    for (const std::uint32_t slot : previous->slots) {
      const std::uint32_t member = fl_slot_member(slot);
      owners.push_back(member < position.size() ? position[member] : kNobody);
      if (owners.back() != kNobody) ++next.slots_before[owners.back()];
    }
  }
  if (fresh) owners.clear();
  FL_ASSIGN(MaglevTable built, build_table(backends, owners, size));
  next.moved = fresh ? static_cast<std::uint32_t>(built.slots.size()) : built.moved;

  PoolTable table;
  table.meaning = checksum_of(built.slots, kNobody);
  table.slots = std::move(built.slots);
  for (std::uint32_t& slot : table.slots) slot = members[slot].member;
  if (!fresh) remember(*previous, position, table);
  table.checksum = checksum_of(table);
  table.counts = std::move(built.counts);
  table.members = std::move(members);
  next.table = std::make_shared<const PoolTable>(std::move(table));
  return next;
}

}  // namespace fairlead::steering
