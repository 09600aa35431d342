// SPDX-License-Identifier: BSD-3-Clause
// What this node shares with its fleet through etcd: operators' decisions and the configuration.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "control/change_control.hh"
#include "control/node.hh"
#include "control/reconcile.hh"

namespace fairlead::control {

/// Null without fleet.etcd.endpoints. `changed`: from any thread, must not call the store. Errors:
/// certificates or a password that cannot be read.
base::Result<std::unique_ptr<fleet::Store>> open_store(
    const config::Config& config, const std::string& runtime_dir, std::function<void()> changed
);

/// Tells the fleet what this node's operators decided since it last told or heard.
void share_operators(Node& node);

/// Main thread, under the daemon's lock: call each turn.
class SharedState {
 public:
  /// Puts in force what the fleet says.
  void tick(Node& node, Reconciler& reconciler, ChangeControl& changes, base::Nanoseconds now);

 private:
  void take_operators(Node& node, Reconciler& reconciler, base::Nanoseconds now);
  void tell_away(const Node& node);

  std::uint64_t turn_ = 0;
  bool away_ = false;  // that was told
};

/// For show status: {"away", "error", "revision", "waiting", "dropped", "configuration"}.
nlohmann::json show_store(const Node& node);

}  // namespace fairlead::control
