// SPDX-License-Identifier: BSD-3-Clause
// set backend ... weight, at once or in steps.
#pragma once

#include <string>

#include "control/node.hh"
#include "control/reconcile.hh"
#include "control/show.hh"

namespace fairlead::control {

/// Errors: kNotFound; kFailedPrecondition: a vip would have no backend for new flows.
Answer set_backend(
    Node& node, Reconciler& reconciler, const api::Request& request, base::Nanoseconds now
);

/// The event of a ramp's begin or end.
void tell_ramp(Node& node, const Member& member, std::string what, std::string cause);

/// Main thread: call each turn. Takes the steps of ramps that are due, one a second.
class RampWatch {
 public:
  /// Weights that were restored after a restart stay held while steps go on: a ramp is no new word
  /// of an operator.
  void tick(Node& node, Reconciler& reconciler, base::Nanoseconds now);

 private:
  base::Nanoseconds due_ = 0;
};

}  // namespace fairlead::control
