// SPDX-License-Identifier: BSD-3-Clause
// Transitions that nobody announces: seen by looking.
#pragma once

#include "control/node.hh"

namespace fairlead::control {

/// Tells when the data plane comes or goes, and when a policy loses its measurements. Main thread:
/// call each turn.
class StateWatch {
 public:
  void tick(Node& node, base::Nanoseconds now);

 private:
  bool known_ = false;
  bool running_ = false;
  bool lost_ = false;
};

}  // namespace fairlead::control
