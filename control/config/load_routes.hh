// SPDX-License-Identifier: BSD-3-Clause
// The section `routes`: how routers learn whether this node takes the vips' traffic.
#pragma once

#include <string>

#include "control/config/config.hh"
#include "control/config/section.hh"

namespace fairlead::config {

/// docs/routes.md.
struct Routes {
  std::string bird;                    // BIRD's control socket; "": none
  std::string protocol = "fairlead*";  // BIRD's protocols, a pattern
  std::string hook;                    // called with announce or withdraw; "": none
  base::Nanoseconds p99_limit = 0;     // of the forwarding latency; 0: none
  friend bool operator==(const Routes&, const Routes&) = default;
};

Routes load_routes(const Section& root);

/// Of a configuration that was loaded. Only control wants them, so they are no part of Config.
Routes routes_of(const Config& config);

}  // namespace fairlead::config
