// SPDX-License-Identifier: BSD-3-Clause
// The node's connections to the fleet's monitors: updates in, its own report out.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "control/monitor/watcher.hh"
#include "control/node.hh"
#include "dataplane/sys/urgent.hh"

namespace fairlead::control {

class FleetLink {
 public:
  /// `lock` protects `node`. `changed` is called under it when tables must follow.
  FleetLink(
      Node& node,
      sys::UrgentMutex& lock,
      const monitor::Credentials& with,
      std::function<void()> changed
  );

  /// From time to time, under the lock. Where the exchange hears monitors again, connections that
  /// have been silent are made anew, so that what was missed comes at once.
  void look();

 private:
  void take(std::size_t monitor, const v1::MonitoringUpdate& update);
  v1::NodeReport report();

  Node& node_;
  sys::UrgentMutex& lock_;
  std::function<void()> changed_;
  bool hears_ = false;                                       // the exchange, at the last look
  std::vector<std::unique_ptr<monitor::Watcher>> watchers_;  // the last member
};

}  // namespace fairlead::control
