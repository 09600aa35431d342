// SPDX-License-Identifier: BSD-3-Clause
// The conservative test: a learner that does worse than the deterministic policy is switched off.
//
// Switchback windows (both arms share the backends, so they cannot run side by side): of four
// windows of 5 s three use the learner, one does not. The logarithm of the pool's mean latency is
// collected for both arms with exponential forgetting. One-sided Welch test at each update: is the
// learner's mean above the baseline's by more than ln 1.1, at z = 2? Then residuals are 1 for 60 s,
// and twice as long each time again, up to an hour. The first second of a window belongs to neither
// arm.
#pragma once

#include <cstdint>

namespace fairlead::policy {

class Guard {
 public:
  /// After an update: `seconds` since the last one, the pool's mean latency in between (0: none).
  void observe(double seconds, double latency_us);
  /// Whether the learner's residuals are in force now.
  [[nodiscard]] bool learner_runs() const { return blocked_for_ <= 0 && window_ % 4 != 3; }
  [[nodiscard]] bool blocked() const { return blocked_for_ > 0; }
  [[nodiscard]] std::uint64_t trips() const { return trips_; }
  friend bool operator==(const Guard&, const Guard&) = default;

 private:
  struct Arm {
    double weight = 0;
    double sum = 0;
    double squares = 0;
    void add(double value);
    [[nodiscard]] double mean() const { return weight > 0 ? sum / weight : 0; }
    [[nodiscard]] double variance_of_mean() const;
    friend bool operator==(const Arm&, const Arm&) = default;
  };
  [[nodiscard]] bool learner_is_worse() const;

  Arm learner_;
  Arm baseline_;
  std::uint64_t window_ = 0;
  double in_window_ = 0;
  double blocked_for_ = 0;
  double penalty_ = 60;
  std::uint64_t trips_ = 0;
};

}  // namespace fairlead::policy
