// SPDX-License-Identifier: BSD-3-Clause
// Whether the backends could serve what was asked of them, tenth of a second by tenth, whatever the
// policy.
//
// Offered is the work of the requests that arrive in a window, backlog what a fluid that drains at
// the whole capacity left over from the window before (at most what queues hold, the rest would be
// rejected), capacity the integral of cores x speed of the backends that are there: crashed and
// left ones count nothing, slowed ones what they still do. A window with
// offered + backlog > capacity is crowded: no balancer could have served it within itself.
#pragma once

#include <cstdint>
#include <vector>

#include "control/sim/measures.hh"

namespace fairlead::sim {

/// Times rise from call to call, but for served().
class LoadMeter {
 public:
  /// Windows that begin before `warmup` are in no figure.
  explicit LoadMeter(Time warmup) : warmup_(warmup) {}
  /// From `now` on: work seconds a second, and the work that queues hold.
  void set_capacity(Time now, double capacity, double room);
  void offer(Time now, double work) {
    advance(now);
    offered_ += work;
  }
  /// A request that arrived at `arrival` took so long.
  void served(Time arrival, Time latency);
  /// Ends the last window, as if nothing had come in the rest of it.
  LoadMeasures finish();

 private:
  static constexpr Time kWindow = 100'000'000;
  static constexpr unsigned kSecond = 10;  // windows
  void advance(Time now) {
    while (now >= end_) close_window();
  }
  void integrate(Time now);
  void close_window();

  Time warmup_;
  Time end_ = kWindow;  // of the open window
  Time since_ = 0;      // when capacity_ began to hold, or the window
  double capacity_ = 0;
  double room_ = 0;
  double offered_ = 0;   // in the open window
  double servable_ = 0;  // in the open window until since_
  double backlog_ = 0;
  double second_offered_ = 0;  // of the windows of the second that is not over
  double second_servable_ = 0;
  std::vector<bool> crowded_;  // of the windows that have ended
  Histogram open_;             // latencies of the open window's requests
  LoadMeasures result_;
};

}  // namespace fairlead::sim
