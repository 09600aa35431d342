// SPDX-License-Identifier: BSD-3-Clause
// What the tests of pickers share.
#pragma once

#include <utility>
#include <vector>

#include "control/policy/picker.hh"

namespace fairlead::policy {

/// A node with these weights that has nothing open; everybody is usable.
struct World {
  explicit World(std::vector<double> weights)
      : weight(std::move(weights)), open(weight.size()), usable(weight.size(), 1) {}
  [[nodiscard]] NodeView node() const { return {weight, open, usable, version, now}; }
  std::vector<double> weight;
  std::vector<std::uint32_t> open;
  std::vector<std::uint8_t> usable;
  std::uint64_t version = 1;
  base::Nanoseconds now = 100 * base::kSecond;
  Random random{1};
  /// How often each backend is chosen.
  std::vector<int> picks(Picker& picker, int count) {
    std::vector<int> result(weight.size());
    for (int i = 0; i < count; ++i) ++result[picker.pick(node(), random)];
    return result;
  }
};

}  // namespace fairlead::policy
