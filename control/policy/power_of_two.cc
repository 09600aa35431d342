// SPDX-License-Identifier: BSD-3-Clause
// Power of d choices: d backends drawn by weight, the one with the least (k + 1) / w by this
// node's own counts (Mitzenmacher, IEEE TPDS 2001: queue tails fall doubly exponentially with d
// = 2 instead of exponentially). Weighted drawing keeps it stable in heterogeneous pools, where
// uniform drawing is not (Zhou, Shroff, Wierman, ToN 2020). Parameters: d 1 to 4 (backends
// drawn), weights (any unit). Limits: own counts dilute with the number of nodes.
#include <algorithm>

#include "control/policy/picker.hh"

namespace fairlead::policy {

namespace {

class PowerOfTwo final : public Picker {
 public:
  explicit PowerOfTwo(std::uint32_t choices) : choices_(choices) {}

  std::uint32_t pick(const NodeView& node, Random& random) override {
    std::uint32_t best = draw_.draw(node, random);
    if (best == kNobody) return kNobody;
    for (std::uint32_t c = 1; c < choices_; ++c) {
      const std::uint32_t other = draw_.draw(node, random);
      if (cost(node, other) < cost(node, best)) best = other;
    }
    return best;
  }

 private:
  static double cost(const NodeView& node, std::uint32_t b) {
    return (node.in_flight[b] + 1.0) / std::max(node.weight[b], 1e-9);
  }
  std::uint32_t choices_;
  WeightedDraw draw_;
};

}  // namespace

std::unique_ptr<Picker> make_power_of_two(std::uint32_t choices) {
  return std::make_unique<PowerOfTwo>(choices);
}

}  // namespace fairlead::policy
