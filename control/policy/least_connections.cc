// SPDX-License-Identifier: BSD-3-Clause
// Least connections, over all backends, by this node's own counts k:
//   least connections            k              (IPVS lc)
//   weighted least connections   k / w          (IPVS wlc)
//   shortest expected delay      (k + 1) / w    (IPVS sed; Weinrib, Shenker, INFOCOM 1988)
// Ties go to the backend whose last turn is longest ago in steps of 1 / w (weighted round
// robin), so that idle backends share by weight. Cost O(backends) a connection. Parameters: none
// beside the weights (any unit). Limits: counts of one node of N say 1/N of the truth. With N
// large nearly all k are 0 or 1, lc and wlc become round robin, and sed sends everything to
// whichever backend has the largest weight; open connections measure work only when connections
// are short.
#include "control/policy/picker.hh"

namespace fairlead::policy {

namespace {

class Least final : public Picker {
 public:
  explicit Least(LeastRule rule) : rule_(rule) {}

  std::uint32_t pick(const NodeView& node, Random& random) override {
    const std::size_t count = node.weight.size();
    while (turn_.size() < count)
      turn_.push_back(clock_ + random.uniform() * step(node, turn_.size()));
    std::uint32_t best = kNobody;
    double best_score = 0;
    for (std::uint32_t b = 0; b < count; ++b) {
      if (node.usable[b] == 0 || node.weight[b] <= 0) continue;
      const double score = score_of(node, b);
      if (best != kNobody &&
          (score > best_score || (score == best_score && turn_[b] >= turn_[best])))
        continue;
      best = b;
      best_score = score;
    }
    if (best == kNobody) return kNobody;
    clock_ = turn_[best] > clock_ ? turn_[best] : clock_;
    turn_[best] = clock_ + step(node, best);
    return best;
  }

 private:
  [[nodiscard]] double score_of(const NodeView& node, std::uint32_t b) const {
    const double k = node.in_flight[b];
    if (rule_ == LeastRule::kConnections) return k;
    return (rule_ == LeastRule::kWeighted ? k : k + 1) / node.weight[b];
  }
  [[nodiscard]] double step(const NodeView& node, std::size_t b) const {
    return rule_ == LeastRule::kConnections || node.weight[b] <= 0 ? 1 : 1 / node.weight[b];
  }

  LeastRule rule_;
  double clock_ = 0;
  std::vector<double> turn_;
};

}  // namespace

std::unique_ptr<Picker> make_least(LeastRule rule) {
  return std::make_unique<Least>(rule);
}

}  // namespace fairlead::policy
