// SPDX-License-Identifier: BSD-3-Clause
// The node in Prometheus' format: names fairlead_*, units in the name, listed in control/README.md.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "control/node.hh"

namespace fairlead::control {

/// Serves GET /metrics in threads of its own.
class Metrics {
 public:
  /// Runs `read(node)` under the daemon's lock; called from the exposer's threads.
  using WithNode = std::function<void(const std::function<void(Node&)>& read)>;

  /// Listens on "ADDRESS:PORT". Errors: kUnavailable when the port is taken.
  static base::Result<std::unique_ptr<Metrics>> start(
      const std::string& listen, WithNode with_node
  );
  virtual ~Metrics() = default;
};

}  // namespace fairlead::control
