// SPDX-License-Identifier: BSD-3-Clause
// Load that control asks for itself: ORCA streams, Prometheus scrapes, agent-checks.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "control/model/model.hh"
#include "control/monitor/service.hh"
#include "dataplane/net/addr.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::monitor {

struct SourceTarget {
  std::string backend;
  net::IpAddr address;
  model::LoadSource source;  // kind is not kNone
  friend bool operator==(const SourceTarget&, const SourceTarget&) = default;
};

/// One thread asks all of them, each once per interval; a slow one delays nobody. What comes goes
/// to the sink as any agent's report does, and is judged there.
class Sources {
 public:
  /// `sink` outlives this. Starts the thread with the first targets.
  explicit Sources(Sink& sink);
  ~Sources();
  Sources(const Sources&) = delete;
  Sources& operator=(const Sources&) = delete;

  /// Those that are unchanged go on. Any thread.
  void set_targets(std::vector<SourceTarget> targets);

 private:
  class Loop;
  Sink& sink_;
  std::mutex mutex_;  // protects the next two
  std::vector<SourceTarget> targets_;
  bool changed_ = false;
  std::atomic<bool> stopping_{false};
  sys::UniqueFd wake_;
  std::thread thread_;
};

}  // namespace fairlead::monitor
