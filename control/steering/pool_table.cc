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

/// Of the owners by rank: part of the digest.
std::uint64_t meaning_of(const std::vector<std::uint32_t>& owners) {
  const std::size_t whole = owners.size() / kWordsPerLine * kWordsPerLine;
  std::uint32_t last[kWordsPerLine];
  std::fill(std::begin(last), std::end(last), kNobody);
  std::copy(owners.begin() + static_cast<std::ptrdiff_t>(whole), owners.end(), std::begin(last));
  steer::LineChecksum sum;
  sum.add(owners.data(), whole * sizeof owners[0]);
  if (whole < owners.size()) sum.add(last, sizeof last);
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

/// A slot of `owner` that was `past`'s (kNobody: nobody's that is known).
constexpr std::uint32_t word(std::uint32_t owner, std::uint32_t past) {
  return owner | (past + 1) << FL_SLOT_EARLIER_SHIFT;
}
static_assert(word(7, kNobody) == 7);

/// Whether the slots of a line have other owners than before, without a branch for each.
bool line_moved(const std::uint32_t* words, const std::uint32_t* owners) {
  std::uint32_t difference = 0;
  for (std::size_t i = 0; i < kWordsPerLine; ++i) difference |= fl_slot_owner(words[i] ^ owners[i]);
  return difference != 0;
}

/// The words of a table whose backends are those of `before`: a slot whose owner changes remembers
/// the old one, one whose owner stays keeps what it remembers. Looks closely only at lines with
/// slots that moved. Requires: as many owners as before. Returns: how many moved.
std::uint32_t follow(
    const PoolTable& before, const std::vector<std::uint32_t>& owners, PoolTable& table
) {
  table.slots = before.slots;
  table.checksum = before.checksum;
  std::uint32_t moved = 0;
  for (std::size_t line = 0; line < owners.size(); line += kWordsPerLine) {
    const std::size_t end = std::min(line + kWordsPerLine, owners.size());
    if (end - line == kWordsPerLine && !line_moved(&table.slots[line], &owners[line])) continue;
    table.checksum -= line_sum(table.slots, line);
    for (std::size_t s = line; s < end; ++s) {
      const std::uint32_t then = fl_slot_owner(table.slots[s]);
      if (owners[s] == then) continue;
      table.slots[s] = word(owners[s], then);
      ++moved;
    }
    table.checksum += line_sum(table.slots, line);
  }
  return moved;
}

/// The same for a table of other backends: `now` are positions in it of those of `before`. Who has
/// left the pool, or owns the slot again, is forgotten.
std::uint32_t follow_others(
    const PoolTable& before,
    const std::vector<std::uint32_t>& now,
    const std::vector<std::uint32_t>& owners,
    PoolTable& table
) {
  std::uint32_t moved = 0;
  table.slots.reserve(owners.size());
  for (std::size_t s = 0; s < owners.size(); ++s) {
    const std::uint32_t then = before.slots[s];
    std::uint32_t past = now[fl_slot_owner(then)];
    if (past != owners[s]) {
      ++moved;
    } else {
      const std::uint32_t earlier = fl_slot_earlier(then);
      past = earlier == 0 ? kNobody : now[earlier - 1];
      if (past == owners[s]) past = kNobody;
    }
    table.slots.push_back(word(owners[s], past));
  }
  return moved;
}

/// Slots of each owner in `words`, by position.
std::vector<std::uint32_t> counts_of(const std::vector<std::uint32_t>& words, std::size_t owners) {
  std::vector<std::uint32_t> counts(owners, 0);
  for (const std::uint32_t slot : words) ++counts[fl_slot_owner(slot)];
  return counts;
}

/// Slots that each of the backends had, by its position now.
SharedNumbers slots_of(const PoolTable* before, const Ids& ids) {
  const auto share = [](std::vector<std::uint32_t> numbers) {
    return std::make_shared<const std::vector<std::uint32_t>>(std::move(numbers));
  };
  std::vector<std::uint32_t> out(ids->size(), 0);
  if (before == nullptr || before->slots.empty()) return share(std::move(out));
  const SharedNumbers counts = before->counts != nullptr
                                   ? before->counts
                                   : share(counts_of(before->slots, before->ids->size()));
  if (same_ids(before->ids, ids)) return counts;
  const std::vector<std::uint32_t> now = positions_in(ids, before->ids);
  for (std::size_t i = 0; i < now.size(); ++i)
    if (now[i] != kNobody) out[now[i]] = (*counts)[i];
  return share(std::move(out));
}

/// What the next table is derived from.
base::Result<Layers> layers_before(
    const PoolTable* previous, const LayerInput& in, const FleetBase& fleet
) {
  if (previous == nullptr || previous->size != in.size) return Layers{};
  if (previous->layers.base != nullptr) return previous->layers;
  if (fleet.fits) return Layers{};
  Layer published{previous->ids, previous->published, previous->slots, {}, true};
  for (std::uint32_t& slot : published.slots) slot = fl_slot_owner(slot);
  return adopted_layers(published, in);
}

/// The layers of the next table. A node that has no base of its own begins with the fleet's.
base::Result<Layers> layers_of(
    const PoolTable* previous, const LayerInput& in, const FleetBase& fleet
) {
  FL_ASSIGN(Layers before, layers_before(previous, in, fleet));
  if (fleet.base == nullptr) return next_layers(before, in);
  if (!fleet.fits) {
    if (before.base == nullptr)
      before.base = std::make_shared<const Layer>(layer_of_base(fleet, in));
    return next_layers(before, in);
  }
  const bool known = before.base != nullptr && is_base_of(*before.base, in);
  if (known && previous->fleet == fleet.base) return next_layers(before, in, before.base);
  Layer told = layer_of_base(fleet, in);
  if (known && before.base->slots == told.slots) return next_layers(before, in, before.base);
  return next_layers(before, in, std::make_shared<const Layer>(std::move(told)));
}

/// The words of a table with these owners, and what it moves.
NextTable follow_up(
    const PoolTable* before, const std::vector<std::uint32_t>& owners, PoolTable table
) {
  NextTable next;
  next.slots_before = slots_of(before, table.ids);
  if (before == nullptr || before->slots.size() != owners.size()) {
    next.moved = static_cast<std::uint32_t>(
        owners.empty() && before != nullptr ? before->slots.size() : owners.size()
    );
    table.slots = owners;
    table.checksum = sum_of_lines(table.slots);
  } else if (same_ids(before->ids, table.ids)) {
    next.moved = follow(*before, owners, table);
  } else {
    next.moved = follow_others(*before, positions_in(table.ids, before->ids), owners, table);
    table.checksum = sum_of_lines(table.slots);
  }
  next.table = std::make_shared<const PoolTable>(std::move(table));
  return next;
}

}  // namespace

SharedTable restored_table(
    std::span<const std::uint32_t> slots, Ids ids, std::vector<std::uint32_t> published
) {
  PoolTable table;
  table.ids = std::move(ids);
  table.slots.assign(slots.begin(), slots.end());
  table.checksum = sum_of_lines(table.slots);
  table.size = static_cast<std::uint32_t>(table.slots.size());
  table.published = std::move(published);
  return std::make_shared<const PoolTable>(std::move(table));
}

bool is_equal(const SharedMembers& a, const SharedMembers& b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

bool is_equal(const PoolTable& a, const PoolTable& b) {
  return a.size == b.size && a.slots == b.slots && is_equal(a.members, b.members) &&
         a.published == b.published && a.fleet == b.fleet && same_ids(a.ids, b.ids) &&
         is_equal(a.layers.base, b.layers.base) && is_equal(a.layers.weighted, b.layers.weighted);
}

base::Result<NextTable> next_table(const TableInput& in, const HashKey& key) {
  const PoolTable* const previous = in.previous.get();
  const bool same = previous != nullptr && previous->size == in.size &&
                    is_equal(previous->members, in.members) && same_ids(previous->ids, in.ids);
  if (same && previous->fleet == in.fleet.base) return NextTable{in.previous, 0, previous->counts};
  std::vector<std::uint64_t> identities;
  identities.reserve(in.ids->size());
  for (const std::string& id : *in.ids) identities.push_back(keyed_hash(key, id));
  const LayerInput pool{in.ids, *in.members, identities, in.size};
  PoolTable table;
  FL_ASSIGN(table.layers, layers_of(previous, pool, in.fleet));
  if (same && table.layers.base == previous->layers.base) {  // the fleet says what was known
    table = *previous;
    table.fleet = in.fleet.base;
    return NextTable{std::make_shared<const PoolTable>(std::move(table)), 0, previous->counts};
  }
  FL_ASSIGN(const SharedLayer published, published_layer(table.layers.weighted, pool));
  table.ids = in.ids;
  table.members = in.members;
  table.counts = std::make_shared<const std::vector<std::uint32_t>>(published->counts);
  table.meaning = meaning_of(published->slots);
  table.size = in.size;
  table.fleet = in.fleet.base;
  return follow_up(previous, published->slots, std::move(table));
}

}  // namespace fairlead::steering
