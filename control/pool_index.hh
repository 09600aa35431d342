// SPDX-License-Identifier: BSD-3-Clause
// The pools of a configuration by position: names are looked up once, when the configuration
// changes, and each turn works over arrays. With 100 vips of 1000 backends a turn that looks up
// each (vip, backend) by name takes a second. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/model/model.hh"

namespace fairlead::control {

/// What policies know of a pool by its configuration but weights. Immutable; vips whose pools have
/// the same backends, capacities and choices have the same object.
struct PoolShape {
  std::vector<std::string> ids;         // in the vip's order: what positions mean
  std::vector<std::uint32_t> backends;  // by position: where in PoolIndex::backends()
  std::vector<std::uint32_t> capacity;  // by position
  std::uint8_t choices = 0;
  std::vector<std::uint32_t> by_id;  // positions by rising id

  /// Nullopt: not in the pool. Cost: a binary search.
  [[nodiscard]] std::optional<std::uint32_t> position(std::string_view id) const;
};
using SharedShape = std::shared_ptr<const PoolShape>;

/// `by_id` of `ids`.
std::vector<std::uint32_t> order_of(const std::vector<std::string>& ids);

/// Immutable once made.
class PoolIndex {
 public:
  PoolIndex() = default;
  explicit PoolIndex(const std::vector<model::Vip>& vips);

  /// Names of the vips, in the configuration's order.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  /// Parallel to names().
  [[nodiscard]] const std::vector<SharedShape>& pools() const { return pools_; }
  /// Ids of all backends, rising, each once.
  [[nodiscard]] const std::vector<std::string>& backends() const { return backends_; }

  struct Place {
    std::uint32_t vip = 0;
    std::uint32_t position = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };
  /// Nullopt: no such vip, or not in its pool.
  [[nodiscard]] std::optional<Place> find(const std::string& vip, std::string_view backend) const;

 private:
  std::vector<std::string> names_;
  std::vector<SharedShape> pools_;
  std::vector<std::string> backends_;
  std::unordered_map<std::string, std::uint32_t> by_name_;  // of vips
};

}  // namespace fairlead::control
