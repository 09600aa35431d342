// SPDX-License-Identifier: BSD-3-Clause
// A pool of backends that report what their true capacity lets them.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "control/policy/policy.hh"

namespace fairlead::policy {

using base::kMillisecond;
using base::kSecond;
using model::PolicyName;

/// A pool whose backends really have these capacities (requests a second at full use).
class Pool {
 public:
  Pool(PolicyName policy, std::vector<double> capacities) : capacities_(std::move(capacities)) {
    snapshot_.policy = policy;
    for (std::size_t i = 0; i < capacities_.size(); ++i)
      snapshot_.backends.push_back({"b" + std::to_string(i), 100, 0, true});
  }

  /// One second: ten reports of every backend at `rate` requests a second, then an update.
  Weights second(double rate, bool reports = true) {
    Observations observed;
    for (std::size_t i = 0; i < capacities_.size(); ++i) {
      Observation o;
      for (int n = 1; reports && n <= 10; ++n) {
        Report r;
        r.received_ns = now_ + static_cast<base::Nanoseconds>(n) * 100 * kMillisecond;
        r.sequence = ++sequence_;
        r.requests_per_second = std::min(rate, capacities_[i]);
        r.cpu = std::min(1.0, rate / capacities_[i]);
        r.active = 4 * r.cpu;
        r.mean_latency_us = 1e6 * 4 / capacities_[i];
        if (spoil_) spoil_(i, r);
        o.reports.push_back(r);
      }
      observed.backends.push_back(o);
    }
    now_ += kSecond;
    observed.now = now_;
    return update(snapshot_, observed, state_, kSecond);
  }
  Weights seconds(int count, double rate) {
    Weights last;
    for (int i = 0; i < count; ++i) last = second(rate);
    return last;
  }

  Snapshot snapshot_;
  State state_;
  std::vector<double> capacities_;
  std::function<void(std::size_t, Report&)> spoil_;

 private:
  base::Nanoseconds now_ = 1000 * kSecond;
  std::uint64_t sequence_ = 0;
};

inline double ratio(const Weights& w, std::size_t a, std::size_t b) {
  return static_cast<double>(w.backends[a].weight) / w.backends[b].weight;
}

}  // namespace fairlead::policy
