// SPDX-License-Identifier: BSD-3-Clause
// A backend that is known well: four servers, half used, 100 requests a second of 20 ms each.
#pragma once

#include "control/policy/policy.hh"

namespace fairlead::policy {

/// `active`: connections on it.
inline BackendView known_backend(double active) {
  BackendView v;
  v.capacity = 200;
  v.parallel = 4;
  v.active = active;
  v.rate = 100;
  v.latency_us = 20000;
  v.utilization = 0.5;
  v.fresh = true;
  return v;
}

}  // namespace fairlead::policy
