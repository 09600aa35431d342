// SPDX-License-Identifier: BSD-3-Clause
// This node comes and goes: looks whether it is fit, tells routers, ends when it leaves.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "control/node.hh"
#include "control/reconcile.hh"
#include "control/routes/announcer.hh"
#include "control/routes/fitness.hh"
#include "control/routes/recent_digests.hh"
#include "control/show.hh"

namespace fairlead::control {

/// Main thread, under the daemon's lock.
class RouteWatch {
 public:
  /// Nothing is announced before the first tick() that finds the node fit. `wake`: any thread.
  void start(Node& node, std::function<void()> wake);
  /// Call each turn. True: the node has left, control is to end.
  bool tick(Node& node, base::Nanoseconds now);

 private:
  [[nodiscard]] routes::Signs signs_of(const Node& node, base::Nanoseconds now) const;
  bool has_left(Node& node, base::Nanoseconds now);

  std::optional<routes::Fitness> fitness_;
  std::unique_ptr<routes::Announcer> announcer_;
  routes::RecentDigests own_;
  base::Nanoseconds due_ = 0;
  std::uint64_t packets_ = 0;       // while leaving
  base::Nanoseconds quiet_at_ = 0;  // since when none came
};

/// announce node, withdraw node, retire node.
Answer change_routes(Node& node, const api::Request& request, base::Nanoseconds now);
/// For show status and show fleet: {"announced", "state", "error"}.
Json show_routes(const Node& node, base::Nanoseconds now);

}  // namespace fairlead::control
