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

/// A backend that lacks slots, in the order of turns.
struct Taker {
  std::uint32_t credit;
  std::uint32_t lack;
  std::uint32_t next;  // position of its permutation to try
  std::uint32_t skip;
  std::uint32_t owner;
};

/// The table under construction and which of its slots may change hands.
class Exchange {
 public:
  Exchange(std::vector<std::uint32_t>& slots, std::vector<std::uint32_t> surplus)
      : slots_(slots),
        size_(static_cast<std::uint32_t>(slots.size())),
        free_(size_),
        surplus_(std::move(surplus)) {}

  void offer_all() { free_.fill(size_); }

  /// Offers the slots of nobody and of owners with surplus; remembers where the latter are, to
  /// withdraw the rest when the surplus is gone.
  void offer_surplus(std::span<const std::uint32_t> counts) {
    begin_.assign(surplus_.size() + 1, 0);
    for (std::size_t i = 0; i < surplus_.size(); ++i)
      begin_[i + 1] = begin_[i] + (surplus_[i] > 0 ? counts[i] : 0);
    held_.resize(begin_.back());
    std::vector<std::uint32_t> end(begin_.begin(), begin_.end() - 1);
    for (std::uint32_t slot = 0; slot < size_; ++slot) {
      const std::uint32_t owner = slots_[slot];
      if (owner == kNobody) {
        free_.insert(slot);
      } else if (surplus_[owner] > 0) {
        free_.insert(slot);
        held_[end[owner]++] = slot;
      }
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

  void withdraw(std::uint32_t owner) {
    for (std::uint32_t i = begin_[owner]; i < begin_[owner + 1]; ++i)
      if (slots_[held_[i]] == owner) free_.erase(held_[i]);
  }

  std::vector<std::uint32_t>& slots_;
  std::uint32_t size_;
  SlotSet free_;
  std::vector<std::uint32_t> surplus_;
  std::vector<std::uint32_t> begin_;  // of each owner's part of held_
  std::vector<std::uint32_t> held_;
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

base::Result<std::size_t> check(
    std::span<const MaglevBackend> backends,
    std::span<const std::uint32_t> previous,
    std::uint32_t size
) {
  if (size < 3) return base::invalid("table size " + std::to_string(size) + " is below 3");
  if (!previous.empty() && previous.size() != size)
    return base::invalid("previous table has " + std::to_string(previous.size()) + " slots");
  for (const std::uint32_t owner : previous)
    if (owner != kNobody && owner >= backends.size())
      return base::invalid("previous table names backend " + std::to_string(owner));
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

}  // namespace

std::span<const std::uint32_t> table_sizes() {
  return model::kTableSizes;
}

bool is_table_size(std::uint32_t size) {
  const auto sizes = table_sizes();
  return std::find(sizes.begin(), sizes.end(), size) != sizes.end();
}

std::uint32_t table_size_for(std::size_t backends) {
  for (const std::uint32_t size : table_sizes())
    if (size >= kDefaultTableSize && size >= 100 * backends) return size;
  return table_sizes().back();
}

base::Result<MaglevTable> build_table(
    std::span<const MaglevBackend> backends,
    std::span<const std::uint32_t> previous,
    std::uint32_t size
) {
  FL_ASSIGN(const std::size_t active, check(backends, previous, size));
  MaglevTable table;
  table.counts.assign(backends.size(), 0);
  if (active == 0) {
    table.moved = static_cast<std::uint32_t>(previous.size());
    return table;
  }
  FL_ASSIGN(const std::vector<std::uint32_t> order, by_identity(backends));
  for (const std::uint32_t owner : previous)
    if (owner != kNobody) ++table.counts[owner];
  const std::span<const std::uint32_t> before =
      previous.empty() ? std::span<const std::uint32_t>() : table.counts;
  const std::vector<std::uint32_t> targets = slot_targets(backends, before, size);

  std::vector<Taker> takers;
  std::vector<std::uint32_t> surplus(backends.size(), 0);
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

  if (previous.empty())
    table.slots.assign(size, kNobody);
  else
    table.slots.assign(previous.begin(), previous.end());
  if (!takers.empty()) {
    Exchange exchange(table.slots, std::move(surplus));
    if (previous.empty())
      exchange.offer_all();
    else
      exchange.offer_surplus(table.counts);
    const auto count = static_cast<std::uint32_t>(takers.size());
    take_turns(takers, (table.moved + count - 1) / count, exchange);
  }
  table.counts = targets;
  return table;
}

}  // namespace fairlead::steering
