// SPDX-License-Identifier: BSD-3-Clause
// Random: every usable backend alike. The floor of every comparison: without any knowledge, in
// M/M/1 terms each backend sees the same load, so it is unstable as soon as the slowest one is
// (speed x cores below its share). Also weighted drawing, which other policies share.
// Parameters: none. Limits: as said. Source: folklore; analysis: Mitzenmacher, Upfal, "Probability
// and Computing", chapter 8.
#include <algorithm>

#include "control/policy/picker.hh"

namespace fairlead::policy {

void WeightedDraw::rebuild(const NodeView& node) {
  version_ = node.version;
  sums_.clear();
  backends_.clear();
  double sum = 0;
  for (const bool alike : {false, true}) {
    for (std::uint32_t b = 0; b < node.weight.size(); ++b) {
      const double weight = alike ? 1.0 : node.weight[b];
      if (node.usable[b] == 0 || weight <= 0) continue;
      sum += weight;
      sums_.push_back(sum);
      backends_.push_back(b);
    }
    if (!backends_.empty()) return;
  }
}

std::uint32_t WeightedDraw::draw(const NodeView& node, Random& random) {
  if (version_ != node.version) rebuild(node);
  if (backends_.empty()) return kNobody;
  const double point = random.uniform() * sums_.back();
  const auto at = std::upper_bound(sums_.begin(), sums_.end(), point) - sums_.begin();
  return backends_[std::min<std::size_t>(static_cast<std::size_t>(at), backends_.size() - 1)];
}

namespace {

class RandomPicker final : public Picker {
 public:
  std::uint32_t pick(const NodeView& node, Random& random) override {
    if (version_ != node.version) {
      version_ = node.version;
      usable_.clear();
      for (std::uint32_t b = 0; b < node.usable.size(); ++b)
        if (node.usable[b] != 0) usable_.push_back(b);
    }
    if (usable_.empty()) return kNobody;
    return usable_[random.below(static_cast<std::uint32_t>(usable_.size()))];
  }

 private:
  std::uint64_t version_ = ~std::uint64_t{0};
  std::vector<std::uint32_t> usable_;
};

}  // namespace

std::unique_ptr<Picker> make_random_picker() {
  return std::make_unique<RandomPicker>();
}

}  // namespace fairlead::policy
