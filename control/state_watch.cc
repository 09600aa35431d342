// SPDX-License-Identifier: BSD-3-Clause
// Compares with the turn before.
#include "control/state_watch.hh"

namespace fairlead::control {

void StateWatch::tick(Node& node, base::Nanoseconds now) {
  held_back_.tick(node, now);
  plane_.tick(node, now);
  const bool lost = node.weights.any_frozen();
  if (known_ && lost != lost_) {
    api::Event event;
    event.kind = "weights";
    event.what = lost ? "frozen" : "thawed";
    event.cause = lost ? "no load report is fresh" : "load reports come again";
    node.happenings.tell(std::move(event));
  }
  known_ = true;
  lost_ = lost;
}

}  // namespace fairlead::control
