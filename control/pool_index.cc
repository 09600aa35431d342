// SPDX-License-Identifier: BSD-3-Clause
// From names to positions.
#include "control/pool_index.hh"

#include <algorithm>
#include <numeric>

namespace fairlead::control {
namespace {

using Numbers = std::unordered_map<std::string_view, std::uint32_t>;

/// Without `by_id`.
PoolShape shape_of(const model::Vip& vip, const Numbers& numbers) {
  PoolShape shape;
  shape.choices = vip.choices;
  for (const model::Backend& backend : vip.backends) {
    shape.ids.push_back(backend.id);
    shape.backends.push_back(numbers.at(backend.id));
    shape.capacity.push_back(backend.capacity);
  }
  return shape;
}

bool same(const PoolShape& a, const PoolShape& b) {
  return a.choices == b.choices && a.backends == b.backends && a.capacity == b.capacity;
}

/// Equal pools have equal ones.
std::uint64_t sum_of(const PoolShape& shape) {
  std::uint64_t sum = shape.choices;
  for (std::size_t i = 0; i < shape.backends.size(); ++i) {
    sum = (sum ^ shape.backends[i]) * 0x9e3779b97f4a7c15ULL;
    sum = (sum ^ shape.capacity[i] ^ (sum >> 32)) * 0x9e3779b97f4a7c15ULL;
  }
  return sum;
}

std::vector<std::string> ids_of(const std::vector<model::Vip>& vips) {
  Numbers seen;
  std::vector<std::string> ids;
  for (const model::Vip& vip : vips) {
    for (const model::Backend& backend : vip.backends)
      if (seen.emplace(backend.id, 0).second) ids.push_back(backend.id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace

std::vector<std::uint32_t> order_of(const std::vector<std::string>& ids) {
  std::vector<std::uint32_t> order(ids.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return ids[a] < ids[b];
  });
  return order;
}

std::optional<std::uint32_t> PoolShape::position(std::string_view id) const {
  const auto at = std::lower_bound(
      by_id.begin(),
      by_id.end(),
      id,
      [&](std::uint32_t position, std::string_view wanted) { return ids[position] < wanted; }
  );
  if (at == by_id.end() || ids[*at] != id) return std::nullopt;
  return *at;
}

PoolIndex::PoolIndex(const std::vector<model::Vip>& vips) : backends_(ids_of(vips)) {
  Numbers numbers;
  for (std::uint32_t n = 0; n < backends_.size(); ++n) numbers.emplace(backends_[n], n);
  std::unordered_multimap<std::uint64_t, SharedShape> known;
  for (const model::Vip& vip : vips) {
    by_name_.emplace(vip.name, static_cast<std::uint32_t>(names_.size()));
    names_.push_back(vip.name);
    PoolShape shape = shape_of(vip, numbers);
    const std::uint64_t sum = sum_of(shape);
    const auto [begin, end] = known.equal_range(sum);
    const auto equal =
        std::find_if(begin, end, [&](const auto& row) { return same(*row.second, shape); });
    if (equal != end) {
      pools_.push_back(equal->second);
      continue;
    }
    shape.by_id = order_of(shape.ids);
    pools_.push_back(std::make_shared<const PoolShape>(std::move(shape)));
    known.emplace(sum, pools_.back());
  }
}

std::optional<PoolIndex::Place> PoolIndex::find(const std::string& vip, std::string_view backend)
    const {
  const auto v = by_name_.find(vip);
  if (v == by_name_.end()) return std::nullopt;
  const auto position = pools_[v->second]->position(backend);
  if (!position) return std::nullopt;
  return Place{v->second, *position};
}

}  // namespace fairlead::control
