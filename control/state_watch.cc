// SPDX-License-Identifier: BSD-3-Clause
// Compares with the turn before.
#include "control/state_watch.hh"

#include "control/regions.hh"

namespace fairlead::control {

void StateWatch::tick(Node& node, base::Nanoseconds now) {
  const auto plane = dataplane_sign(node.regions.worker_pages(), now);
  const bool lost = node.weights.any_frozen();
  if (!known_ || plane.running != running_) {
    api::Event event;
    event.kind = "dataplane";
    event.what = plane.running ? "up" : "down";
    event.cause = plane.running ? "pid " + std::to_string(plane.pid) + " forwards"
                                : "no worker's heartbeat is fresh";
    if (known_ || plane.running) node.happenings.tell(std::move(event));
  }
  if (known_ && lost != lost_) {
    api::Event event;
    event.kind = "weights";
    event.what = lost ? "frozen" : "thawed";
    event.cause = lost ? "no load report is fresh" : "load reports come again";
    node.happenings.tell(std::move(event));
  }
  known_ = true;
  running_ = plane.running;
  lost_ = lost;
}

}  // namespace fairlead::control
