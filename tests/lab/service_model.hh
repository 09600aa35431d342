// SPDX-License-Identifier: BSD-3-Clause
// How long a request takes on a lab backend: a FIFO queue before N virtual cores, time as a value.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <random>
#include <vector>

namespace fairlead::lab {

enum class Distribution : std::uint8_t { kConstant, kExponential, kLognormal };

struct ServiceSettings {
  unsigned cores = 4;      // requests served at the same time at full speed
  unsigned capacity = 64;  // most requests at once, waiting ones included; more is rejected
  double mean_ms = 10.0;   // mean service time at speed 1
  Distribution distribution = Distribution::kLognormal;
  double sigma = 1.0;            // lognormal only: deviation of the logarithm
  double speed = 1.0;            // 0.5: every request takes twice as long
  double drift_amplitude = 0.0;  // 0..0.9: speed swings by this share around its value
  double drift_period_s = 20.0;
  double drift_phase = 0.0;  // 0..1 of a period
  std::uint64_t seed = 1;
};

/// Load over about the last half second; names as in ORCA where it has them.
struct ServiceLoad {
  double cpu_utilization = 0;          // busy share of the virtual cores, 0..1
  double mem_utilization = 0;          // modelled: a base plus the share of capacity in use
  double application_utilization = 0;  // of what limits the service: its cores, so as above
  std::uint32_t active = 0;            // requests here now
  std::uint64_t completed = 0;         // since start
  std::uint64_t rejected = 0;          // since start
  double mean_latency_us = 0;  // arrival to completion, mean of the window; 0: none completed
  double rps = 0;
  double eps = 0;  // rejections a second
};

/// Single thread. All times are nanoseconds of one monotonic clock and never go back. Costs no CPU:
/// service is a completion time; the caller sleeps until next_event() and calls advance().
class ServiceModel {
 public:
  /// Called at completion: the caller's token, when the request got its core, when it left it.
  using OnComplete =
      std::function<void(std::uint64_t token, std::int64_t started_ns, std::int64_t completed_ns)>;

  ServiceModel(const ServiceSettings& settings, std::int64_t now_ns);

  /// Takes a request in. False: the server is at capacity, the request is rejected.
  [[nodiscard]] bool offer(std::uint64_t token, std::int64_t now_ns);
  /// Forgets a request whose client has gone; one that is on a core stays there until it is done.
  void cancel(std::uint64_t token);
  /// When something happens next, if nothing else arrives.
  [[nodiscard]] std::optional<std::int64_t> next_event() const;
  /// Completes everything that is due, in order of completion.
  void advance(std::int64_t now_ns, const OnComplete& on_complete);
  /// Changes the speed from now on; work already begun finishes at the new speed.
  void set_speed(double speed, std::int64_t now_ns);

  [[nodiscard]] double speed() const { return settings_.speed; }
  [[nodiscard]] double effective_speed() const { return effective_speed_; }
  [[nodiscard]] ServiceLoad load() const;
  [[nodiscard]] const ServiceSettings& settings() const { return settings_; }

 private:
  struct Waiting {
    std::uint64_t token;
    std::int64_t arrived_ns;
    double work_ns;  // at speed 1
  };
  struct Serving {
    std::uint64_t token;
    std::int64_t arrived_ns;
    std::int64_t started_ns;
    std::int64_t done_ns;
  };
  struct Sample {
    std::int64_t at_ns;
    double busy_core_ns;
    std::uint64_t completed;
    std::uint64_t rejected;
    double latency_us_sum;
  };

  double draw_work_ns();
  void start(const Waiting& request, std::int64_t now_ns);
  void account_busy(std::int64_t now_ns);
  void apply_speed(double effective, std::int64_t now_ns);
  void tick(std::int64_t now_ns);

  ServiceSettings settings_;
  double effective_speed_;
  std::mt19937_64 random_;
  std::deque<Waiting> waiting_;
  std::vector<Serving> serving_;  // at most `cores`
  std::deque<Sample> window_;
  Sample now_{};  // running totals
  std::int64_t begun_ns_;
  std::int64_t next_tick_ns_;
};

}  // namespace fairlead::lab
