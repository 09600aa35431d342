// SPDX-License-Identifier: BSD-3-Clause
// What policies are given, for whoever turns them: a node for itself, the leader for its fleet.
#pragma once

#include "control/config/config.hh"
#include "control/monitor/intake.hh"
#include "control/policy/policy.hh"
#include "control/pool_weights.hh"

namespace fairlead::control {

inline policy::Report to_policy(const monitor::Received& received) {
  const monitor::LoadReport& r = received.report;
  policy::Report out;
  out.received_ns = received.at;
  out.sequence = r.sequence;
  out.cpu = r.cpu;
  out.application_utilization = r.application;
  out.requests_per_second = r.requests_per_second;
  out.errors_per_second = r.errors_per_second;
  out.active = r.active;
  out.mean_latency_us = r.latency_us;
  out.period = r.period_us * base::kMicrosecond;
  return out;
}

inline void set_rails(PoolWeights& weights, const config::Rails& rails) {
  weights.set_rails(
      {rails.dead_band,
       rails.max_step,
       rails.floor,
       rails.ceiling,
       rails.max_moved,
       rails.moved_within}
  );
}

}  // namespace fairlead::control
