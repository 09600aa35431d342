// SPDX-License-Identifier: BSD-3-Clause
// drain, undrain, maint, disable, enable; show drain; and the end of drains that are due.
#pragma once

#include "control/node.hh"
#include "control/reconcile.hh"
#include "control/show.hh"

namespace fairlead::control {

/// The commands of holds. Errors: kNotFound, kFailedPrecondition: another kind of hold is there, or
/// a vip would have no backend for new flows.
Answer change_hold(
    Node& node, Reconciler& reconciler, const api::Request& request, base::Nanoseconds now
);

/// What is held, and how many flows are left of it: counted in the flow tables of all workers,
/// which the gate shares.
Answer show_drain(Node& node, const api::Request& request, base::Nanoseconds now);

/// Refuses a change after which a pool would have nobody for new flows, and had somebody before.
base::Result<bool> keeps_takers(
    const Node& node, const OperatorState& next, const std::vector<Selected>& rows
);

/// Main thread: call each turn.
class DrainWatch {
 public:
  /// Ends drains that are due. Flow tables are read at most once a second, and only while a drain
  /// waits for its last flow.
  void tick(Node& node, Reconciler& reconciler, base::Nanoseconds now);

 private:
  base::Nanoseconds count_at_ = 0;
};

}  // namespace fairlead::control
