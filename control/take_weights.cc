// SPDX-License-Identifier: BSD-3-Clause
// From the leader's numbers to weights in force.
#include "control/take_weights.hh"

#include <cstdio>

#include "control/fleet_weights_file.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::control {
namespace {

std::string path_of(const Node& node) {
  return node.regions.dir + "/fleet_weights.json";
}

}  // namespace

bool give_fleet_weights(Node& node) {
  const monitor::FleetWeights& fleet = node.fleet_weights;
  const bool silent = node.fleet.choice.silent(sys::monotonic_ns());
  const std::string why = "of the fleet, generation " + std::to_string(fleet.generation) +
                          (node.operators.frozen ? ", frozen by operator" : "");
  PoolWeights::Given given;
  for (const model::Vip& vip : node.config.vips) {
    const auto pool = fleet.pools.find(vip.name);
    auto& weights = given[vip.name];
    if (pool == fleet.pools.end()) continue;  // new here: as configured until the leader knows it
    for (const model::Backend& backend : vip.backends) {
      const auto weight = pool->second.find(backend.id);
      if (weight == pool->second.end()) continue;
      const monitor::FleetWeight& w = weight->second;
      weights[backend.id] = {w.weight, w.inverse_weight, w.parallel, why};
      // Without a leader nobody else can carry out what an operator says.
      const auto by_hand = node.operators.weights.find({vip.name, backend.id});
      if (!silent || by_hand == node.operators.weights.end()) continue;
      weights[backend.id].weight = by_hand->second;
      weights[backend.id].inverse_weight = policy::score_inverse_weight(by_hand->second);
      weights[backend.id].why = "operator, while the monitors are away";
    }
  }
  return node.weights.give(std::move(given), fleet.frozen);
}

void restore_fleet_weights(Node& node) {
  auto weights = load_fleet_weights(path_of(node));
  if (!weights) {
    sys::log_error(weights.error().what);
    return;
  }
  if (weights->generation == 0 || !node.fleet.configured) return;
  node.fleet_weights = std::move(*weights);
  (void)give_fleet_weights(node);
}

bool take_fleet_weights(Node& node, const v1::MonitoringUpdate& update) {
  if (!update.has_weights() || update.weights().generation() == 0) {
    // Without election nobody weighs for the fleet, also where somebody did before.
    if (update.term() != 0 || node.fleet_weights.generation == 0) return false;
    sys::log_warn("monitors elect no leader, this node weighs for itself from now on");
    node.fleet_weights = {};
    (void)std::remove(path_of(node).c_str());
    return true;
  }
  auto next = monitor::from_wire(update.weights(), update.term());
  if (!next) {
    ++node.fleet.weights_refused;
    sys::log_error("weights of " + update.monitor() + " do not fit their digest, not taken");
    return false;
  }
  if (!monitor::supersedes(*next, node.fleet_weights)) {
    ++node.fleet.weights_refused;
    return false;
  }
  const bool fresh = next->generation != node.fleet_weights.generation;
  node.fleet_weights = std::move(*next);
  if (fresh) {
    const auto saved = save_fleet_weights(path_of(node), node.fleet_weights);
    if (!saved) sys::log_error("the fleet's weights are not saved: " + saved.error().what);
  }
  return give_fleet_weights(node);
}

}  // namespace fairlead::control
