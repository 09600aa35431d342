// SPDX-License-Identifier: BSD-3-Clause
// What a run measures. Latencies go into a histogram of 0.2 % steps: constant memory, order of
// arrival irrelevant, quantiles interpolated within a step.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "control/sim/next_event.hh"

namespace fairlead::sim {

/// Durations in nanoseconds. Mean is exact.
class Histogram {
 public:
  void add(Time value) {
    ++counts_[index(value)];
    ++count_;
    sum_ += static_cast<double>(value);
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
  void add(const Histogram& other);
  /// Value that a share q (0..1) does not exceed; 0 without values.
  [[nodiscard]] double quantile(double q) const;
  /// Share of values at or below `value`, 0..1.
  [[nodiscard]] double share_within(Time value) const;

 private:
  static constexpr unsigned kBits = 9;  // 512 steps per octave
  static constexpr std::size_t kSize = (64 - kBits) << kBits;
  static std::size_t index(Time value) {
    const auto v = static_cast<std::uint64_t>(value < 0 ? 0 : value);
    if (v < (1U << kBits)) return v;
    const unsigned octave = 63U - static_cast<unsigned>(std::countl_zero(v)) - kBits;
    return (static_cast<std::size_t>(octave + 1) << kBits) + ((v >> octave) & ((1U << kBits) - 1));
  }
  static double low_edge(std::size_t index);

  std::vector<std::uint32_t> counts_ = std::vector<std::uint32_t>(kSize);
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

enum class Outcome : std::uint8_t { kOk, kRejected, kFailed };

struct BackendMeasures {
  std::uint64_t requests = 0;
  double utilisation = 0;
};

/// A point of the plots, all over the time since the last one.
struct Sample {
  double seconds = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double requests_per_second = 0;
  double failed_per_second = 0;  // and rejected
  std::vector<double> share;     // by backend, of the requests
  std::vector<double> weight;    // by backend, of the sum
};

/// What was asked of the backends against what they could do (LoadMeter).
struct LoadMeasures {
  double peak = 0;             // most that was offered in a second, as a share of capacity
  double crowded_seconds = 0;  // of the windows in which no balancer could have kept up
  Histogram uncrowded;         // latencies of the requests that arrived in the others
};

struct Measures {
  // The whole run.
  std::uint64_t requests = 0;
  std::uint64_t ok = 0;
  std::uint64_t rejected = 0;
  std::uint64_t failed = 0;
  Histogram latency;
  Histogram node_latency;
  std::vector<BackendMeasures> backends;
  Time end = 0;  // last completion
  // After the warm-up.
  Histogram warm_latency;
  std::uint64_t warm_requests = 0;
  std::uint64_t warm_rejected = 0;
  std::uint64_t warm_failed = 0;
  LoadMeasures load;
  // Cost of adapting.
  std::uint64_t updates = 0;  // runs of the policy after the warm-up
  double slots_moved = 0;     // share of the table, summed over those updates
  double slots_moved_max = 0;
  std::uint64_t exchange_bytes = 0;  // into one node
  std::uint64_t update_bytes = 0;    // into one node
  std::uint64_t events = 0;
  std::uint64_t guard_trips = 0;  // times the learner was switched off
  std::uint64_t broken = 0;       // connections whose backend was not found after a node's death
  std::vector<Sample> samples;
};

}  // namespace fairlead::sim
