// SPDX-License-Identifier: BSD-3-Clause
// Backends take turns in proportion to what they lack and pull slots by their own permutation.
#include "control/steering/maglev.hh"

#include <algorithm>
#include <numeric>
#include <string>

#include "control/model/table_sizes.hh"
#include "control/steering/slot_set.hh"

namespace fairlead::steering {

namespace {

/// Positions of its permutation that a backend tries in one turn before it takes the next free
/// slot in line. Unbounded is Maglev proper: its last slots cost M probes each. Measured (65537
/// slots, 1000 backends): docs/steering.md, section 4.
constexpr int kTries = 256;

/// Beyond so many owners a bit for each slot and owner takes more memory than lists.
constexpr std::size_t kMostMasks = 64;

/// A backend that lacks slots, in the order of turns.
struct Taker {
  std::uint32_t credit;
  std::uint32_t lack;
  std::uint32_t next;  // position of its permutation to try
  std::uint32_t skip;
  std::uint32_t owner;
};

/// Where the slots of owners with surplus lie: as a bit for each slot while owners are few, else in
/// lists: those of `i` are slots[begin[i] .. begin[i + 1]).
struct OwnedSlots {
  std::vector<std::uint64_t> masks;
  std::vector<std::uint32_t> begin;
  std::vector<std::uint32_t> slots;
  bool nobodys = false;  // some slots are kNobody
};

/// The table under construction and which of its slots may change hands.
class Exchange {
 public:
  Exchange(
      std::vector<std::uint32_t>& slots, std::vector<std::uint32_t> surplus, const OwnedSlots& owned
  )
      : slots_(slots),
        size_(static_cast<std::uint32_t>(slots.size())),
        free_(size_),
        surplus_(std::move(surplus)),
        owned_(owned) {}

  void offer_all() { free_.fill(size_); }

  /// Offers the slots of nobody, if there are any, and those of owners with surplus; the rest of
  /// the latter is withdrawn when their surplus is gone.
  void offer_surplus() {
    if (owned_.nobodys)
      for (std::uint32_t slot = 0; slot < size_; ++slot)
        if (slots_[slot] == kNobody) free_.insert(slot);
    for (std::uint32_t owner = 0; owner < surplus_.size(); ++owner) {
      if (surplus_[owner] == 0) continue;
      if (const std::uint64_t* mask = mask_of(owner)) {
        free_.insert_all(mask);
        continue;
      }
      for (std::uint32_t i = owned_.begin[owner]; i < owned_.begin[owner + 1]; ++i)
        free_.insert(owned_.slots[i]);
    }
  }

  void take(Taker& taker) {
    for (int i = 0; i < kTries; ++i) {
      const std::uint32_t slot = step(taker);
      if (free_.contains(slot)) return give(slot, taker.owner);
    }
    give(free_.first_from(step(taker)), taker.owner);
  }

 private:
  /// The next position of the permutation.
  [[nodiscard]] std::uint32_t step(Taker& taker) const {
    const std::uint32_t slot = taker.next;
    const std::uint32_t after = slot + taker.skip;
    taker.next = after >= size_ ? after - size_ : after;
    return slot;
  }

  void give(std::uint32_t slot, std::uint32_t owner) {
    free_.erase(slot);
    const std::uint32_t before = slots_[slot];
    slots_[slot] = owner;
    if (before != kNobody && --surplus_[before] == 0) withdraw(before);
  }

  /// Those that were given away are not free any more.
  void withdraw(std::uint32_t owner) {
    if (const std::uint64_t* mask = mask_of(owner)) return free_.erase_all(mask);
    for (std::uint32_t i = owned_.begin[owner]; i < owned_.begin[owner + 1]; ++i)
      free_.erase(owned_.slots[i]);
  }

  [[nodiscard]] const std::uint64_t* mask_of(std::uint32_t owner) const {
    if (owned_.masks.empty()) return nullptr;
    return owned_.masks.data() + owner * SlotSet::words(size_);
  }

  std::vector<std::uint32_t>& slots_;
  std::uint32_t size_;
  SlotSet free_;
  std::vector<std::uint32_t> surplus_;
  const OwnedSlots& owned_;
};

/// Turns by Bresenham's rule: in each of `rounds` rounds a backend gets lack / rounds turns, the
/// fraction carried over, so that everybody is equally far at any time.
void take_turns(std::vector<Taker>& takers, std::uint32_t rounds, Exchange& exchange) {
  for (Taker& t : takers) t.credit = rounds / 2;
  for (std::uint32_t round = 0; round < rounds; ++round)
    for (Taker& t : takers) {
      t.credit += t.lack;
      for (; t.credit >= rounds; t.credit -= rounds) exchange.take(t);
    }
}

base::Result<bool> check_previous(
    std::span<const std::uint32_t> previous, std::size_t backends, std::uint32_t size
) {
  if (!previous.empty() && previous.size() != size)
    return base::invalid("previous table has " + std::to_string(previous.size()) + " slots");
  for (const std::uint32_t owner : previous)
    if (owner != kNobody && owner >= backends)
      return base::invalid("previous table names backend " + std::to_string(owner));
  return true;
}

/// Returns: how many backends get slots.
base::Result<std::size_t> check(std::span<const MaglevBackend> backends, std::uint32_t size) {
  if (size < 3) return base::invalid("table size " + std::to_string(size) + " is below 3");
  std::size_t active = 0;
  for (const MaglevBackend& b : backends) {
    if (b.weight > kMaxWeight)
      return base::invalid("weight " + std::to_string(b.weight) + " is above 10000");
    if (b.weight > 0) ++active;
  }
  if (active > size)
    return base::invalid(
        std::to_string(active) + " backends do not fit a table of " + std::to_string(size) +
        " slots"
    );
  return active;
}

/// Positions of backends by rising identity.
base::Result<std::vector<std::uint32_t>> by_identity(std::span<const MaglevBackend> backends) {
  std::vector<std::uint32_t> order(backends.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return backends[a].identity < backends[b].identity;
  });
  for (std::size_t i = 1; i < order.size(); ++i)
    if (backends[order[i]].identity == backends[order[i - 1]].identity)
      return base::invalid("two backends have the same identity");
  return order;
}

/// Who lacks slots, in the order of turns; `surplus` of the others, and `table.moved`.
std::vector<Taker> takers_of(
    std::span<const MaglevBackend> backends,
    const std::vector<std::uint32_t>& order,
    const std::vector<std::uint32_t>& targets,
    std::uint32_t size,
    MaglevTable& table,
    std::vector<std::uint32_t>& surplus
) {
  std::vector<Taker> takers;
  for (const std::uint32_t i : order) {
    if (targets[i] < table.counts[i]) surplus[i] = table.counts[i] - targets[i];
    if (targets[i] <= table.counts[i]) continue;
    const std::uint64_t high = backends[i].identity >> 32;
    const std::uint64_t low = backends[i].identity & 0xffffffffu;
    const auto offset = static_cast<std::uint32_t>(high * size >> 32);
    const auto skip = static_cast<std::uint32_t>(1 + (low * (size - 1) >> 32));
    const std::uint32_t lack = targets[i] - table.counts[i];
    takers.push_back({0, lack, offset, skip, i});
    table.moved += lack;
  }
  return takers;
}

/// How many slots everybody owns. Four sums side by side: neighbours in a table often have one
/// owner, and an addition would wait for the one before.
std::vector<std::uint32_t> count_slots(std::span<const std::uint32_t> slots, std::size_t owners) {
  constexpr std::size_t kLanes = 4;
  std::vector<std::uint32_t> lanes(kLanes * (owners + 1), 0);
  const std::size_t last = owners;  // of nobody
  for (std::size_t s = 0; s < slots.size(); ++s) {
    const std::size_t owner = std::min<std::size_t>(slots[s], last);
    ++lanes[owner * kLanes + s % kLanes];
  }
  std::vector<std::uint32_t> counts(owners);
  for (std::size_t i = 0; i < owners; ++i)
    counts[i] =
        lanes[i * kLanes] + lanes[i * kLanes + 1] + lanes[i * kLanes + 2] + lanes[i * kLanes + 3];
  return counts;
}

OwnedSlots owned_slots(
    std::span<const std::uint32_t> slots,
    const std::vector<std::uint32_t>& counts,
    const std::vector<std::uint32_t>& surplus
) {
  OwnedSlots owned;
  owned.nobodys = std::accumulate(counts.begin(), counts.end(), std::size_t{0}) < slots.size();
  if (counts.size() <= kMostMasks) {
    const std::size_t words = SlotSet::words(slots.size());
    owned.masks.assign(counts.size() * words, 0);
    for (std::uint32_t slot = 0; slot < slots.size(); ++slot)
      if (slots[slot] != kNobody)
        owned.masks[slots[slot] * words + slot / 64] |= std::uint64_t{1} << (slot % 64);
    return owned;
  }
  owned.begin.assign(counts.size() + 1, 0);
  for (std::size_t i = 0; i < counts.size(); ++i)
    owned.begin[i + 1] = owned.begin[i] + (surplus[i] > 0 ? counts[i] : 0);
  owned.slots.resize(owned.begin.back());
  std::vector<std::uint32_t> end(owned.begin.begin(), owned.begin.end() - 1);
  for (std::uint32_t slot = 0; slot < slots.size(); ++slot)
    if (slots[slot] != kNobody && surplus[slots[slot]] > 0) owned.slots[end[slots[slot]]++] = slot;
  return owned;
}

}  // namespace

std::span<const std::uint32_t> table_sizes() {
  return model::kTableSizes;
}

bool is_table_size(std::uint32_t size) {
  const auto sizes = table_sizes();
  return std::find(sizes.begin(), sizes.end(), size) != sizes.end();
}

std::uint32_t table_size_for(std::size_t backends) {
  return model::default_table_size(backends);
}

base::Result<MaglevTable> build_table(
    std::span<const MaglevBackend> backends,
    std::span<const std::uint32_t> previous,
    std::uint32_t size
) {
  FL_TRY(check_previous(previous, backends.size(), size));
  FL_ASSIGN(const std::size_t active, check(backends, size));
  MaglevTable table;
  table.counts.assign(backends.size(), 0);
  if (active == 0) {
    table.moved = static_cast<std::uint32_t>(previous.size());
    return table;
  }
  FL_ASSIGN(const std::vector<std::uint32_t> order, by_identity(backends));
  const bool fresh = previous.empty();
  if (!fresh) table.counts = count_slots(previous, backends.size());
  const std::span<const std::uint32_t> before =
      fresh ? std::span<const std::uint32_t>() : table.counts;
  const std::vector<std::uint32_t> targets = slot_targets(backends, before, size);
  std::vector<std::uint32_t> surplus(backends.size(), 0);
  std::vector<Taker> takers = takers_of(backends, order, targets, size, table, surplus);
  if (fresh)
    table.slots.assign(size, kNobody);
  else
    table.slots.assign(previous.begin(), previous.end());
  if (!takers.empty()) {
    const OwnedSlots owned = fresh ? OwnedSlots{} : owned_slots(previous, table.counts, surplus);
    Exchange exchange(table.slots, std::move(surplus), owned);
    fresh ? exchange.offer_all() : exchange.offer_surplus();
    const auto count = static_cast<std::uint32_t>(takers.size());
    take_turns(takers, (table.moved + count - 1) / count, exchange);
  }
  table.counts = targets;
  return table;
}

}  // namespace fairlead::steering
