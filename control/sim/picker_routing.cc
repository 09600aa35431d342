// SPDX-License-Identifier: BSD-3-Clause
// Routing by a policy::Picker on every node.
#include <stdexcept>
#include <utility>

#include "control/policy/picker.hh"
#include "control/sim/routing.hh"
#include "control/sim/workload.hh"

namespace fairlead::sim {

namespace {

struct WeightSet {
  std::uint32_t number = 0;
  std::vector<double> weight;
  std::vector<std::uint8_t> usable;
};

std::unique_ptr<policy::Picker> make_picker(const PolicySpec& spec) {
  using policy::LeastRule;
  if (spec.picker == "random") return policy::make_random_picker();
  if (spec.picker == "wrr") return policy::make_smooth_wrr();
  if (spec.picker == "lc") return policy::make_least(LeastRule::kConnections);
  if (spec.picker == "wlc") return policy::make_least(LeastRule::kWeighted);
  if (spec.picker == "sed") return policy::make_least(LeastRule::kExpectedDelay);
  if (spec.picker == "p2c") return policy::make_power_of_two(spec.choices);
  if (spec.picker == "peak-ewma") return policy::make_peak_ewma();
  if (spec.picker == "prequal") return policy::make_prequal();
  if (spec.picker == "jiq") return policy::make_jiq();
  throw std::logic_error("no picker " + spec.picker);
}

class PickerRouting final : public Routing {
 public:
  PickerRouting(const Setup& setup, const OpenCounts& counts) : counts_(&counts) {
    const auto seeds = draws(setup.seed, StreamName::kPicker);
    for (std::uint32_t n = 0; n < setup.nodes; ++n) {
      pickers_.push_back(make_picker(setup.policy));
      random_.emplace_back(seeds.word(n));
    }
    in_force_.resize(setup.nodes);
  }

  std::uint32_t prepare(const Shipment& shipment, Time) override {
    auto set = std::make_shared<WeightSet>();
    set->number = static_cast<std::uint32_t>(sets_.size() + 1);
    set->usable = shipment.usable;
    for (const auto& w : shipment.weights) set->weight.push_back(w.weight);
    sets_.push_back(std::move(set));
    if (sets_.size() > 16) sets_[sets_.size() - 17].reset();
    return static_cast<std::uint32_t>(sets_.size());
  }
  void adopt(std::uint32_t node, std::uint32_t number) override {
    const auto& set = sets_[number - 1];
    if (set == nullptr || (in_force_[node] != nullptr && in_force_[node]->number >= number)) return;
    in_force_[node] = set;
  }
  std::uint32_t route(std::uint32_t node, std::uint64_t, Time now) override {
    const WeightSet& set = *in_force_[node];
    const policy::NodeView view{
        set.weight,
        counts_->own(node),
        set.usable,
        set.number,
        static_cast<base::Nanoseconds>(now)};
    const std::uint32_t chosen = pickers_[node]->pick(view, random_[node]);
    return chosen == policy::kNobody ? kNoBackend : chosen;
  }
  void closed(std::uint32_t node, std::uint32_t backend, Time now, double latency_us, bool ok)
      override {
    pickers_[node]->closed(backend, latency_us, ok, static_cast<base::Nanoseconds>(now));
  }
  bool finds(std::uint32_t, std::uint64_t, std::uint32_t) override {
    return false;  // the choice is not a function of the flow: only its own node knows
  }
  [[nodiscard]] std::uint32_t probes() const override { return pickers_[0]->probes(); }
  void probed(std::uint32_t node, std::uint32_t backend, double active, double latency_us, Time now)
      override {
    pickers_[node]->probed(backend, active, latency_us, static_cast<base::Nanoseconds>(now));
  }
  [[nodiscard]] bool wants_tokens() const override { return pickers_[0]->wants_tokens(); }
  void token(std::uint32_t node, std::uint32_t backend) override { pickers_[node]->token(backend); }

 private:
  const OpenCounts* counts_;
  std::vector<std::unique_ptr<policy::Picker>> pickers_;
  std::vector<policy::Random> random_;
  std::vector<std::shared_ptr<const WeightSet>> sets_;
  std::vector<std::shared_ptr<const WeightSet>> in_force_;
};

}  // namespace

std::unique_ptr<Routing> make_picker_routing(const Setup& setup, const OpenCounts& counts) {
  return std::make_unique<PickerRouting>(setup, counts);
}

}  // namespace fairlead::sim
