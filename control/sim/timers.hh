// SPDX-License-Identifier: BSD-3-Clause
// Everything that happens once, at a known time: faults, monitoring, time-outs, think times.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "control/sim/next_event.hh"

namespace fairlead::sim {

enum class TimerKind : std::uint8_t {
  kFault,         // a: position in Setup::faults
  kSnapshot,      // reports are taken
  kPolicy,        // the leader runs its policy; a: position of the snapshot
  kGeneration,    // a node receives a generation; a: node, b: generation
  kExchangeSend,  // in-flight counts are taken
  kExchange,      // and received
  kHealth,        // one round of probes
  kUpdate,        // a: position in the updates of the file
  kGiveUp,        // a client gives up; a: request
  kExpire,        // a flow without answer leaves the flow table; a: node, b: backend
  kNextRequest,   // a: connection
  kProbe,         // a: node, b: backend (Prequal)
  kToken,         // a: node, b: backend (join idle queue)
  kSample,        // a point of the plots
};

struct Timer {
  Time time = 0;
  std::uint64_t order = 0;  // of creation: first come, first served among equal times
  TimerKind kind = TimerKind::kFault;
  std::uint32_t a = 0;
  std::uint32_t b = 0;
};

/// A heap by (time, order). One thread.
class Timers {
 public:
  void add(Time time, TimerKind kind, std::uint32_t a = 0, std::uint32_t b = 0) {
    heap_.push_back({time, order_++, kind, a, b});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  [[nodiscard]] Time time() const { return heap_.empty() ? kNever : heap_.front().time; }
  Timer pop() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Timer timer = heap_.back();
    heap_.pop_back();
    return timer;
  }

 private:
  static bool later(const Timer& x, const Timer& y) {
    return x.time > y.time || (x.time == y.time && x.order > y.order);
  }
  std::vector<Timer> heap_;
  std::uint64_t order_ = 0;
};

}  // namespace fairlead::sim
