// SPDX-License-Identifier: BSD-3-Clause
// Peak EWMA (Twitter Finagle, Linkerd): cost = latency x (own in flight + 1), the lower of two
// drawn alike. The latency estimate takes a worse sample at once and forgets it with time constant
// tau: slow backends are avoided within one sample and tried again after a few tau. Parameters: tau
// 10 s (Finagle's default). A backend without samples costs nothing when idle. Limits: needs the
// latency of requests, which a balancer with direct server return does not see; uniform drawing is
// unstable in strongly heterogeneous pools; one sample of a heavy tail blames a healthy backend for
// tau.
#include <cmath>

#include "control/policy/picker.hh"

namespace fairlead::policy {

namespace {

constexpr double kTauSeconds = 10;

class PeakEwma final : public Picker {
 public:
  std::uint32_t pick(const NodeView& node, Random& random) override {
    estimate_.resize(node.weight.size());
    const auto count = static_cast<std::uint32_t>(node.weight.size());
    std::uint32_t best = kNobody;
    double best_cost = 0;
    for (int draws = 0, found = 0; found < 2 && draws < 16; ++draws) {
      const std::uint32_t b = random.below(count);
      if (node.usable[b] == 0) continue;
      ++found;
      const double c = cost(node, b);
      if (best != kNobody && c >= best_cost) continue;
      best = b;
      best_cost = c;
    }
    for (std::uint32_t b = 0; best == kNobody && b < count; ++b)
      if (node.usable[b] != 0) best = b;
    return best;
  }

  void closed(std::uint32_t b, double latency_us, bool ok, base::Nanoseconds now) override {
    if (b >= estimate_.size()) estimate_.resize(b + 1);
    Estimate& e = estimate_[b];
    const double sample = ok ? latency_us : 1e6;
    const double kept = keep(e, now);
    e.latency = sample > e.latency ? sample : e.latency * kept + sample * (1 - kept);
    e.at = now;
  }

 private:
  struct Estimate {
    double latency = 0;
    base::Nanoseconds at = 0;
  };
  static double keep(const Estimate& e, base::Nanoseconds now) {
    const double seconds = static_cast<double>(now - e.at) / 1e9;
    return std::exp(-seconds / kTauSeconds);
  }
  [[nodiscard]] double cost(const NodeView& node, std::uint32_t b) const {
    const Estimate& e = estimate_[b];
    return (e.latency * keep(e, node.now) + 1) * (node.in_flight[b] + 1.0);
  }
  std::vector<Estimate> estimate_;
};

}  // namespace

std::unique_ptr<Picker> make_peak_ewma() {
  return std::make_unique<PeakEwma>();
}

}  // namespace fairlead::policy
