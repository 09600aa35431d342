// SPDX-License-Identifier: BSD-3-Clause
// Laws of tables, over random pools and random histories.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "control/steering/keyed_hash.hh"
#include "control/steering/maglev.hh"

namespace fairlead::steering {
namespace {

constexpr HashKey kKey = {11, 22};

std::vector<MaglevBackend> pool_of(const std::vector<std::uint32_t>& weights) {
  std::vector<MaglevBackend> pool;
  for (std::size_t i = 0; i < weights.size(); ++i)
    pool.push_back({keyed_hash(kKey, "backend-" + std::to_string(i)), weights[i]});
  return pool;
}

/// Weights of 1 to 655 backends (65537 slots: at least 100 slots a backend), in a random range.
std::vector<std::uint32_t> some_weights(std::size_t most_backends) {
  const auto count = *rc::gen::inRange<std::size_t>(1, most_backends + 1);
  const auto most = *rc::gen::element(1u, 3u, 100u, 10000u);
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  std::mt19937 random(seed);
  std::vector<std::uint32_t> weights;
  for (std::size_t i = 0; i < count; ++i)
    weights.push_back(static_cast<std::uint32_t>(1 + random() % most));
  return weights;
}

/// Every slot has an owner, counts are right, every share is within 1 % or one slot.
void check_shares(
    const std::vector<MaglevBackend>& pool, const MaglevTable& table, std::uint32_t size
) {
  RC_ASSERT(table.slots.size() == size);
  std::vector<std::uint32_t> counts(pool.size(), 0);
  for (const std::uint32_t owner : table.slots) {
    RC_ASSERT(owner < pool.size());
    ++counts[owner];
  }
  RC_ASSERT(counts == table.counts);
  double sum = 0;
  for (const MaglevBackend& b : pool) sum += b.weight;
  for (std::size_t i = 0; i < pool.size(); ++i) {
    const double exact = size * (pool[i].weight / sum);
    RC_ASSERT(std::abs(counts[i] - exact) <= std::max(1.0, 0.01 * exact) + 1e-6);
    RC_ASSERT((counts[i] > 0) == (pool[i].weight > 0));
  }
}

std::uint32_t moved(const MaglevTable& from, const MaglevTable& to) {
  std::uint32_t count = 0;
  for (std::size_t s = 0; s < from.slots.size(); ++s) count += from.slots[s] != to.slots[s] ? 1 : 0;
  return count;
}

/// Slots that must move whatever the rounding: what lies outside whole..whole + 1. None when a
/// share is below one slot (the bound is looser then).
std::optional<std::uint64_t> unavoidable(
    const std::vector<MaglevBackend>& pool, std::vector<std::uint32_t> counts, std::uint32_t size
) {
  counts.resize(pool.size(), 0);
  std::uint64_t sum = 0;
  for (const MaglevBackend& b : pool) sum += b.weight;
  std::uint64_t under = 0;
  std::uint64_t over = 0;
  for (std::size_t i = 0; i < pool.size(); ++i) {
    const std::uint64_t whole = std::uint64_t{pool[i].weight} * size / sum;
    const std::uint64_t most = whole + (std::uint64_t{pool[i].weight} * size % sum > 0 ? 1 : 0);
    if (whole == 0 && pool[i].weight > 0) return std::nullopt;
    if (counts[i] < whole) under += whole - counts[i];
    if (counts[i] > most) over += counts[i] - most;
  }
  return std::max(under, over);
}

RC_GTEST_PROP(Maglev, EverySlotIsFilledAndEveryShareIsRight, ()) {
  const auto pool = pool_of(some_weights(655));
  check_shares(pool, *build_table(pool, {}, 65537), 65537);
}

RC_GTEST_PROP(Maglev, OrderOfBackendsDoesNotMatter, ()) {
  const auto pool = pool_of(some_weights(200));
  const auto changed = pool_of([&] {
    std::vector<std::uint32_t> weights;
    for (const auto& b : pool) weights.push_back(b.weight % 97 + 1);
    return weights;
  }());
  std::vector<std::uint32_t> place(pool.size());  // new position of each backend
  std::iota(place.begin(), place.end(), 0u);
  std::shuffle(place.begin(), place.end(), std::mt19937(*rc::gen::arbitrary<std::uint32_t>()));
  const auto shuffle = [&](const std::vector<MaglevBackend>& in) {
    std::vector<MaglevBackend> out(in.size());
    for (std::size_t i = 0; i < in.size(); ++i) out[place[i]] = in[i];
    return out;
  };
  const auto rename = [&](std::vector<std::uint32_t> slots) {
    for (std::uint32_t& s : slots) s = place[s];
    return slots;
  };

  const MaglevTable first = *build_table(pool, {}, 16381);
  const MaglevTable next = *build_table(changed, first.slots, 16381);
  const MaglevTable first2 = *build_table(shuffle(pool), {}, 16381);
  const MaglevTable next2 = *build_table(shuffle(changed), first2.slots, 16381);

  RC_ASSERT(rename(first.slots) == first2.slots);
  RC_ASSERT(rename(next.slots) == next2.slots);
}

// What the balancer promises of its largest pool, all in one.
RC_GTEST_PROP(Maglev, AThousandBackendsOf1To100ShareExactlyInAnyOrderAndLoseOnlyALeaversSlots, ()) {
  constexpr std::uint32_t kSlots = 65537;
  constexpr std::uint32_t kBackends = 1000;
  std::mt19937 random(*rc::gen::arbitrary<std::uint32_t>());
  std::vector<std::uint32_t> weights(kBackends);
  for (std::uint32_t& w : weights) w = static_cast<std::uint32_t>(1 + random() % 100);
  auto pool = pool_of(weights);
  std::vector<std::uint32_t> order(kBackends);
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), random);
  std::vector<MaglevBackend> shuffled;
  for (const std::uint32_t b : order) shuffled.push_back(pool[b]);

  const MaglevTable table = *build_table(pool, {}, kSlots);
  const MaglevTable other = *build_table(shuffled, {}, kSlots);
  const auto leaver = static_cast<std::uint32_t>(random() % kBackends);
  pool[leaver].weight = 0;
  const MaglevTable after = *build_table(pool, table.slots, kSlots);

  check_shares(pool_of(weights), table, kSlots);
  for (std::size_t s = 0; s < kSlots; ++s) {
    RC_ASSERT(order[other.slots[s]] == table.slots[s]);
    RC_ASSERT((table.slots[s] == leaver) == (after.slots[s] != table.slots[s]));
  }
}

RC_GTEST_PROP(Maglev, HistoriesKeepSharesRightAndMoveTheLeast, ()) {
  auto weights = some_weights(100);
  const std::uint32_t size = 16381;
  MaglevTable table = *build_table(pool_of(weights), {}, size);
  std::mt19937 random(*rc::gen::arbitrary<std::uint32_t>());
  for (int step = 0; step < 6; ++step) {
    for (std::uint32_t& w : weights)
      if (random() % 3 == 0)
        w = static_cast<std::uint32_t>(random() % 4 == 0 ? 0 : 1 + random() % 1000);
    weights[0] = std::max(weights[0], 1u);
    if (random() % 4 == 0) weights.push_back(500);
    const auto pool = pool_of(weights);

    const MaglevTable next = *build_table(pool, table.slots, size);

    check_shares(pool, next, size);
    std::uint32_t least = 0;
    for (std::size_t i = 0; i < table.counts.size(); ++i)
      least += table.counts[i] > next.counts[i] ? table.counts[i] - next.counts[i] : 0;
    RC_ASSERT(moved(table, next) == least);
    RC_ASSERT(next.moved == least);
    if (const auto must = unavoidable(pool, table.counts, size)) RC_ASSERT(next.moved == *must);
    RC_ASSERT(*build_table(pool, next.slots, size) == (MaglevTable{next.slots, next.counts, 0}));
    table = next;
  }
}

RC_GTEST_PROP(Maglev, ALeaverGivesUpItsSlotsAndNobodyElse, ()) {
  const auto weights = some_weights(655);
  RC_PRE(weights.size() > 1);
  auto pool = pool_of(weights);
  const MaglevTable before = *build_table(pool, {}, 65537);
  const auto leaver = *rc::gen::inRange<std::uint32_t>(0, static_cast<std::uint32_t>(pool.size()));
  pool[leaver].weight = 0;

  const MaglevTable after = *build_table(pool, before.slots, 65537);

  for (std::size_t s = 0; s < 65537; ++s)
    RC_ASSERT(before.slots[s] == after.slots[s] || before.slots[s] == leaver);
}

}  // namespace
}  // namespace fairlead::steering
