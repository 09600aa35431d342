// SPDX-License-Identifier: BSD-3-Clause
// A node's connection to one monitor: takes updates, tells about the node.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "control/monitor/channel.hh"
#include "control/monitor/monitor.grpc.pb.h"
#include "dataplane/base/clock.hh"

namespace fairlead::monitor {

/// One thread. A monitor that hangs or is away holds up nobody else; it is tried for ever.
class Watcher {
 public:
  struct Calls {
    /// Every update, as it came. On the watcher's thread.
    std::function<void(const v1::MonitoringUpdate&)> update;
    /// What to tell after it. On the watcher's thread.
    std::function<v1::NodeReport()> report;
  };
  Watcher(std::string to, std::string node, const Credentials& with, Calls calls);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  struct State {
    bool connected = false;  // an update came by the stream that is open
    std::uint64_t updates = 0;
    std::uint64_t bytes = 0;  // of updates
    std::string trouble;      // why the last stream ended; "" while connected
  };
  [[nodiscard]] State state() const;
  /// Begins again by a connection of its own, if no update came for `silence`. For whoever knows
  /// that the monitor can be reached again: TCP waits for its next retransmission, which after a
  /// cable was out for 3 s comes up to 3 s late. Any thread.
  void renew(base::Nanoseconds silence);
  [[nodiscard]] const std::string& to() const { return to_; }

 private:
  void run();
  bool stream(bool wait_for_ready);
  void tell();

  const std::string to_;
  const std::string node_;
  const Calls calls_;
  const Credentials with_;
  std::unique_ptr<v1::Fleet::Stub> stub_;  // the thread's
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;  // the rest of the members: guarded by mutex_
  bool renew_ = false;
  base::Nanoseconds heard_at_;
  grpc::ClientContext* context_ = nullptr;
  State state_;
  std::thread thread_;
};

}  // namespace fairlead::monitor
