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
  /// While a wanted address is not resolved, for so many looks: a data plane may die early.
  static constexpr base::Nanoseconds kHastyPeriod = 20 * base::kMillisecond;
  static constexpr int kHastyLooks = 100;

 private:
  [[nodiscard]] ebpf::GateHops look(const Node& node, bool& missing) const;

  std::optional<ebpf::GateHops> told_;
  base::Nanoseconds next_ = 0;
  int hasty_ = 0;
};

}  // namespace fairlead::control
