// SPDX-License-Identifier: BSD-3-Clause
// How many slots each backend should own: largest remainders, near the previous counts.
#include <algorithm>

#include "control/steering/maglev.hh"

namespace fairlead::steering {

namespace {

/// One backend with weight > 0. Its exact share of the table is whole + rest / (sum of weights).
struct Share {
  std::uint32_t position;
  std::uint32_t weight;
  std::uint64_t identity;
  std::uint32_t whole;
  std::uint64_t rest;
  std::uint32_t target;
};

/// Adds `change` (+1 or -1) to the first `count` of `chosen` in the order of `before`.
template <typename Before>
void adjust(std::vector<Share*>& chosen, std::size_t count, Before before, int change) {
  if (count < chosen.size()) {
    const auto nth = chosen.begin() + static_cast<std::ptrdiff_t>(count);
    std::nth_element(chosen.begin(), nth, chosen.end(), before);
  }
  for (std::size_t i = 0; i < std::min(count, chosen.size()); ++i)
    chosen[i]->target = static_cast<std::uint32_t>(static_cast<int>(chosen[i]->target) + change);
}

/// Table too small for some weights (share below one slot, raised to one): the others pay, each
/// time the one that is best off for its weight afterwards.
void take_from_best_off(std::vector<Share>& shares, std::uint64_t excess) {
  const auto worse_off = [](const Share* a, const Share* b) {
    const std::uint64_t left = std::uint64_t{a->target - 1} * b->weight;
    const std::uint64_t right = std::uint64_t{b->target - 1} * a->weight;
    return left != right ? left < right : a->identity > b->identity;
  };
  std::vector<Share*> heap;
  for (Share& s : shares)
    if (s.target > 1) heap.push_back(&s);
  std::make_heap(heap.begin(), heap.end(), worse_off);
  for (; excess > 0; --excess) {
    std::pop_heap(heap.begin(), heap.end(), worse_off);
    if (--heap.back()->target == 1)
      heap.pop_back();
    else
      std::push_heap(heap.begin(), heap.end(), worse_off);
  }
}

/// Brings the sum of targets to `size`.
void settle(std::vector<Share>& shares, std::uint32_t size) {
  std::uint64_t sum = 0;
  for (const Share& s : shares) sum += s.target;
  std::vector<Share*> chosen;
  if (sum < size) {
    for (Share& s : shares)
      if (s.target == s.whole) chosen.push_back(&s);
    adjust(
        chosen,
        size - sum,
        [](const Share* a, const Share* b) {
          return a->rest != b->rest ? a->rest > b->rest : a->identity < b->identity;
        },
        +1
    );
    return;
  }
  for (Share& s : shares)
    if (s.target == s.whole + 1 && s.whole > 0) chosen.push_back(&s);
  const std::uint64_t excess = sum - size;
  adjust(
      chosen,
      excess,
      [](const Share* a, const Share* b) {
        return a->rest != b->rest ? a->rest < b->rest : a->identity < b->identity;
      },
      -1
  );
  if (excess > chosen.size()) take_from_best_off(shares, excess - chosen.size());
}

}  // namespace

std::vector<std::uint32_t> slot_targets(
    std::span<const MaglevBackend> backends,
    std::span<const std::uint32_t> previous,
    std::uint32_t size
) {
  std::uint64_t weights = 0;
  for (const MaglevBackend& b : backends) weights += b.weight;
  std::vector<Share> shares;
  shares.reserve(backends.size());
  for (std::uint32_t i = 0; i < backends.size(); ++i) {
    const MaglevBackend& b = backends[i];
    if (b.weight == 0) continue;
    const std::uint64_t scaled = std::uint64_t{b.weight} * size;
    const auto whole = static_cast<std::uint32_t>(scaled / weights);
    const std::uint64_t rest = scaled % weights;
    const std::uint32_t most = whole + (rest > 0 ? 1 : 0);
    const std::uint32_t kept = previous.empty() ? whole : std::clamp(previous[i], whole, most);
    shares.push_back({i, b.weight, b.identity, whole, rest, std::max(kept, 1u)});
  }
  if (!shares.empty()) settle(shares, size);
  std::vector<std::uint32_t> targets(backends.size(), 0);
  for (const Share& s : shares) targets[s.position] = s.target;
  return targets;
}

}  // namespace fairlead::steering
