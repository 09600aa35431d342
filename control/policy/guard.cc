// SPDX-License-Identifier: BSD-3-Clause
// Switchback windows and the one-sided test.
#include "control/policy/guard.hh"

#include <algorithm>
#include <cmath>

namespace fairlead::policy {

namespace {
constexpr double kWindow = 5;        // seconds
constexpr double kSettle = 1;        // seconds of a window that count for nobody
constexpr double kForget = 0.99;     // per sample
constexpr double kTolerated = 1.10;  // the learner may be so much slower
constexpr double kSureErrors = 2.0;  // standard errors
constexpr double kEnough = 4;        // samples of either arm
constexpr double kMostPenalty = 3600;
}  // namespace

void Guard::Arm::add(double value) {
  weight = weight * kForget + 1;
  sum = sum * kForget + value;
  squares = squares * kForget + value * value;
}

double Guard::Arm::variance_of_mean() const {
  if (weight <= 1) return 1;
  return std::max(0.0, squares / weight - mean() * mean()) / (weight - 1);
}

bool Guard::learner_is_worse() const {
  if (learner_.weight < kEnough || baseline_.weight < kEnough) return false;
  const double difference = learner_.mean() - baseline_.mean() - std::log(kTolerated);
  const double error = std::sqrt(learner_.variance_of_mean() + baseline_.variance_of_mean());
  return difference > kSureErrors * error;
}

void Guard::observe(double seconds, double latency_us) {
  if (blocked_for_ > 0) {
    blocked_for_ -= seconds;
    if (blocked_for_ <= 0) {
      window_ = 0;
      in_window_ = 0;
    }
    return;
  }
  if (latency_us > 0 && in_window_ >= kSettle)
    (learner_runs() ? learner_ : baseline_).add(std::log(latency_us));
  in_window_ += seconds;
  if (in_window_ >= kWindow) {
    in_window_ = 0;
    ++window_;
  }
  if (!learner_is_worse()) return;
  ++trips_;
  blocked_for_ = penalty_;
  penalty_ = std::min(2 * penalty_, kMostPenalty);
  learner_ = baseline_ = {};
}

}  // namespace fairlead::policy
