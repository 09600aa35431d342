// SPDX-License-Identifier: BSD-3-Clause
// Transitions that nobody announces: seen by looking.
#pragma once

#include "control/held_back.hh"
#include "control/node.hh"
#include "control/plane_watch.hh"

namespace fairlead::control {

/// Tells when a policy loses its measurements, and what PlaneWatch and HeldBackWatch tell. Main
/// thread: call each turn.
class StateWatch {
 public:
  void tick(Node& node, base::Nanoseconds now);

 private:
  PlaneWatch plane_;
  HeldBackWatch held_back_;
  bool known_ = false;
  bool lost_ = false;
};

}  // namespace fairlead::control
