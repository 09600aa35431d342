// SPDX-License-Identifier: BSD-3-Clause
// Keeps the gate's next hops as the kernel knows them.
#pragma once

#include <optional>

#include "control/node.hh"

namespace fairlead::control {

/// The data plane resolves next hops for itself; the gate cannot, and forwards when the data plane
/// is gone. So control looks at the kernel's routes and neighbours for the gate. Main thread.
class GateHopsWatch {
 public:
  /// Call every turn; looks every kPeriod and tells the gate what changed. No cost without a gate.
  void tick(Node& node, base::Nanoseconds now);

  static constexpr base::Nanoseconds kPeriod = 500 * base::kMillisecond;

 private:
  [[nodiscard]] ebpf::GateHops look(const Node& node) const;

  std::optional<ebpf::GateHops> told_;
  base::Nanoseconds next_ = 0;
};

}  // namespace fairlead::control
