// SPDX-License-Identifier: BSD-3-Clause
// Smooth weighted round robin by earliest deadline: each backend has a deadline, the earliest is
// next and its deadline moves on by 1 / weight. Over W picks each backend is chosen within one
// of its share, evenly spread (Envoy's and gRPC's EDF scheduler; the spacing argument is that of
// weighted fair queueing, Demers, Keshav, Shenker, SIGCOMM 1989). Weights may change at any
// pick: only the next step uses the new one. Parameters: none beside the weights (any unit; 0:
// no picks). Nodes start at random phases, else all begin with the same backend. Limits: knows
// nothing about load; N nodes interleave at random, so for N large it is weighted random with
// slightly less variance (1.6 instead of 1.9 times the p99 of central JSQ at N = 50).
#include <algorithm>

#include "control/policy/picker.hh"

namespace fairlead::policy {

namespace {

class SmoothWrr final : public Picker {
 public:
  std::uint32_t pick(const NodeView& node, Random& random) override {
    if (version_ != node.version) adopt(node, random);
    if (heap_.empty()) return kNobody;
    std::pop_heap(heap_.begin(), heap_.end(), later);
    Turn& turn = heap_.back();
    const std::uint32_t chosen = turn.backend;
    clock_ = turn.deadline;
    turn.deadline += 1 / node.weight[chosen];
    std::push_heap(heap_.begin(), heap_.end(), later);
    return chosen;
  }

 private:
  struct Turn {
    double deadline;
    std::uint32_t backend;
  };
  static bool later(const Turn& x, const Turn& y) {
    return x.deadline > y.deadline || (x.deadline == y.deadline && x.backend > y.backend);
  }
  /// Backends that stay keep their deadlines; those that come start at a random phase of a turn.
  void adopt(const NodeView& node, Random& random) {
    version_ = node.version;
    std::vector<double> deadline(node.weight.size(), -1);
    for (const Turn& turn : heap_)
      if (turn.backend < deadline.size()) deadline[turn.backend] = turn.deadline;
    heap_.clear();
    for (std::uint32_t b = 0; b < node.weight.size(); ++b) {
      if (node.usable[b] == 0 || node.weight[b] <= 0) continue;
      const double step = 1 / node.weight[b];
      double at = deadline[b];
      if (at < 0 || at > clock_ + step) at = clock_ + random.uniform() * step;
      heap_.push_back({at, b});
    }
    std::make_heap(heap_.begin(), heap_.end(), later);
  }

  std::uint64_t version_ = ~std::uint64_t{0};
  double clock_ = 0;
  std::vector<Turn> heap_;
};

}  // namespace

std::unique_ptr<Picker> make_smooth_wrr() {
  return std::make_unique<SmoothWrr>();
}

}  // namespace fairlead::policy
