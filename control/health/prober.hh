// SPDX-License-Identifier: BSD-3-Clause
// Sends the probes: one thread, non-blocking sockets, epoll.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "control/health/checks.hh"
#include "dataplane/base/result.hh"
#include "dataplane/sys/unique_fd.hh"
#include "dataplane/sys/urgent.hh"

namespace fairlead::health {

/// Probes every target once per interval (the first time at once, spread over at most 100 ms;
/// later with 10 % jitter, so that nodes that started together do not stay in step). TCP: the
/// connection is established, then reset, which leaves no TIME_WAIT behind. HTTP: status 2xx or
/// 3xx. Cost: one socket per running probe, about 30 us of CPU per probe. Targets that want it are
/// probed through the tunnel of their backend.
class Prober {
 public:
  Prober() = default;
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;
  ~Prober();

  /// Starts the thread. Errors: no descriptors left.
  base::Result<void> start();

  // --- control's main thread ---
  /// Replaces the targets; those with a known id keep their rhythm. `origin`: of those that want to
  /// go through a tunnel (health/tunnel_keeper.hh).
  void set_targets(std::vector<Target> targets, Origin origin = {});
  /// Readable when take_results() has something.
  [[nodiscard]] int ready_fd() const { return ready_.get(); }
  std::vector<ProbeResult> take_results();

 private:
  void run();
  friend class ProbeLoop;

  sys::UniqueFd ready_;  // eventfd: results wait
  sys::UniqueFd wake_;   // eventfd: targets changed, or stop
  std::atomic<bool> stopping_{false};
  sys::UrgentMutex mutex_;  // protects what follows
  std::vector<Target> targets_;
  Origin origin_;
  bool targets_changed_ = false;
  std::vector<ProbeResult> results_;
  std::thread thread_;
};

}  // namespace fairlead::health
