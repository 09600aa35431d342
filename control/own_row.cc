// SPDX-License-Identifier: BSD-3-Clause
#include "control/own_row.hh"

#include "control/api/counters.hh"

namespace fairlead::control {

FleetNode own_row(const Node& node, base::Nanoseconds now) {
  FleetNode out;
  out.id = node.config.node.id;
  out.generation = node.publisher.generation();
  out.digest = node.publisher.table().digest();
  out.weights_generation = node.fleet_weights.generation;
  out.announced = node.routes.announced;
  out.state = node.routes.why;
  const steer::Latency& latency = node.latency.node();
  if (latency.samples > 0) {
    out.forward_mean_us = latency.mean_ns / 1e3;
    out.forward_p50_us = latency.p50_ns / 1e3;
    out.forward_p99_us = latency.p99_ns / 1e3;
  }
  const fl_workers& workers = node.regions.worker_pages();
  for (const fl_worker_page& page : api::pages(workers)) {
    out.packets += page.rx_packets;
    out.flows += page.flows;
  }
  out.dataplane = dataplane_sign(workers, now).running;
  for (const auto& [key, check] : node.checks.all()) {
    if (node.checks.state(key.first, key.second) == health::State::kDown)
      out.down.push_back(key.first + "/" + key.second);
  }
  return out;
}

}  // namespace fairlead::control
