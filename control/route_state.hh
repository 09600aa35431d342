// SPDX-License-Identifier: BSD-3-Clause
// Whether this node takes the vips' traffic, and why not. Plain state, under the daemon's lock.
#pragma once

#include <string>

#include "dataplane/base/clock.hh"

namespace fairlead::control {

struct RouteState {
  bool configured = false;  // somebody is told
  bool announced = false;   // routers were told to send traffic here
  std::string why;          // not: "joining: ...", "unfit: ...", "withdrawn by operator", "leaving"
  base::Nanoseconds since = 0;  // it is as it is
  std::string error;            // of telling
  bool leaving = false;         // for good: control ends when the traffic is gone
  base::Nanoseconds leave_by = 0;
};

}  // namespace fairlead::control
