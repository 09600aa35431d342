// SPDX-License-Identifier: BSD-3-Clause
// Reports of an interval as one report a backend. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "control/monitor/intake.hh"

namespace fairlead::monitor {

/// What `reports` (oldest first, not empty) say together: means weighted by their periods, latency
/// by requests, the last counters. Sequence 1 where the agent was started again in between, or
/// since `last_sequence` (0: none).
LoadReport merged(const std::vector<Received>& reports, std::uint64_t last_sequence);

/// Takes the windows of all backends out of an intake, one after the other.
class Windows {
 public:
  /// One report for each backend that reported since the last call. `raw`: the reports themselves
  /// are added there, by backend; may be null.
  std::vector<LoadReport> take(
      Intake& intake,
      const std::vector<std::string>& backends,
      std::map<std::string, std::vector<Received>>* raw = nullptr
  );

 private:
  std::map<std::string, std::uint64_t> last_sequence_;
};

}  // namespace fairlead::monitor
