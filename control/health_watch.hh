// SPDX-License-Identifier: BSD-3-Clause
// What speaks for or against a backend besides its probes: brought to the book of checks in time.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "control/health/outliers.hh"
#include "control/node.hh"

namespace fairlead::control {

/// Main thread, under the daemon's lock.
class HealthWatch {
 public:
  /// Does what is due: traffic and orders every kPeriod, outliers every kWindow. Returns what
  /// changed. `table_changed`: a slow start went on, or the doubt about a fall is over.
  std::vector<health::Transition> tick(Node& node, base::Nanoseconds now, bool* table_changed);

  /// Look again at the next tick.
  void hasten() { due_ = 0; }

  static constexpr base::Nanoseconds kPeriod = 100 * base::kMillisecond;
  static constexpr base::Nanoseconds kWindow = 5 * base::kSecond;

 private:
  /// What a backend did since counting began.
  struct Deeds {
    double requests = 0;
    double errors = 0;
    double begun = 0;  // handshakes
    double completed = 0;
  };
  void look_at_traffic(Node& node, base::Nanoseconds now) const;
  void look_at_outliers(Node& node, base::Nanoseconds now);
  static void look_at_orders(Node& node, base::Nanoseconds now);

  base::Nanoseconds due_ = 0;
  base::Nanoseconds window_due_ = 0;
  std::map<std::string, Deeds> before_;
  std::map<std::string, health::Outliers> pools_;  // by vip
};

}  // namespace fairlead::control
