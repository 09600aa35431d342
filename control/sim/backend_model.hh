// SPDX-License-Identifier: BSD-3-Clause
// A modelled backend: `cores` equal cores of one speed, first come first served or processor
// sharing, at most `concurrency` requests at once.
//
// Work is seconds at speed 1. Each backend has a virtual clock that runs with the speed one request
// gets; a request is done when the clock reaches (clock at its start + its work). So a change of
// speed or, under sharing, of the number of requests, changes one rate and no request.
#pragma once

#include <cstdint>
#include <vector>

#include "control/sim/next_event.hh"

namespace fairlead::sim {

enum class Discipline : std::uint8_t { kFcfs, kSharing };

struct BackendSpec {
  std::uint32_t cores = 4;
  std::uint32_t concurrency = 64;
  double speed = 1;  // work seconds a second and core
  Discipline discipline = Discipline::kFcfs;
};

/// What a backend did since the last report.
struct Window {
  double busy = 0;     // core seconds
  double active = 0;   // request seconds
  double latency = 0;  // sum over completions, seconds
  std::uint64_t done = 0;
};

/// One backend. Requests are numbers that mean nothing here.
class BackendModel {
 public:
  explicit BackendModel(const BackendSpec& spec) : spec_(spec) { change_rate(); }

  struct Done {
    std::uint32_t request;
  };

  [[nodiscard]] std::uint32_t active() const {
    return static_cast<std::uint32_t>(running_.size()) + waiting_count();
  }
  [[nodiscard]] bool full() const { return active() >= spec_.concurrency; }
  [[nodiscard]] bool idle_core() const { return running_.size() < spec_.cores; }
  [[nodiscard]] const BackendSpec& spec() const { return spec_; }
  [[nodiscard]] double speed() const { return spec_.speed * factor_; }

  /// Takes a request. Returns true when it starts at once. Requires: !full().
  bool add(Time now, std::uint32_t request, double work);
  /// Removes the request that is done first; `started`: the waiting one that starts instead, or
  /// kNone. Requires: now == next().
  std::uint32_t finish(Time now, std::uint32_t& started);
  /// When the next request is done; kNever without any.
  [[nodiscard]] Time next() const;
  /// Antagonists and grey failures: speed becomes spec.speed x factor (> 0).
  void set_factor(Time now, double factor);
  /// All requests are lost; returns them, oldest service first.
  std::vector<std::uint32_t> drop_all(Time now);
  /// Sums since the last call.
  Window take_window(Time now);
  void count_done(double latency_seconds) {
    ++window_.done;
    window_.latency += latency_seconds;
  }
  [[nodiscard]] Time last_time() const { return last_; }
  /// Core seconds used since the start.
  [[nodiscard]] double total_busy(Time now) {
    advance(now);
    return total_busy_ + window_.busy;
  }

  static constexpr std::uint32_t kNone = 0xffffffff;

 private:
  struct Running {
    double finish;  // virtual
    std::uint32_t request;
  };
  struct Waiting {
    double work;
    std::uint32_t request;
  };
  [[nodiscard]] std::uint32_t waiting_count() const { return waiting_size_; }
  void advance(Time now);
  void change_rate();
  void start(std::uint32_t request, double work);
  static bool later(const Running& x, const Running& y) {
    return x.finish > y.finish || (x.finish == y.finish && x.request > y.request);
  }

  BackendSpec spec_;
  double factor_ = 1;
  double rate_ = 1;               // of the virtual clock, per second
  double clock_ = 0;              // virtual
  Time last_ = 0;                 // when clock_ was right
  std::vector<Running> running_;  // heap by finish
  std::vector<Waiting> waiting_;  // ring
  std::uint32_t waiting_head_ = 0;
  std::uint32_t waiting_size_ = 0;
  Window window_;
  double total_busy_ = 0;
};

}  // namespace fairlead::sim
