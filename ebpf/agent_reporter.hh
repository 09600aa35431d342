// SPDX-License-Identifier: BSD-3-Clause
// Sends load reports to one receiver over a gRPC stream, for ever.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "control/api/fairlead.grpc.pb.h"
#include "control/monitor/channel.hh"
#include "dataplane/base/clock.hh"
#include "dataplane/base/result.hh"
#include "ebpf/agent_trouble.hh"

namespace fairlead::agent {

/// Waiting times between attempts: doubled after each failure, from the first after a success.
/// Pure.
class Backoff {
 public:
  static constexpr base::Nanoseconds kFirst = 100 * base::kMillisecond;
  static constexpr base::Nanoseconds kMost = 3200 * base::kMillisecond;
  base::Nanoseconds next() {
    const base::Nanoseconds wait = next_;
    next_ = next_ * 2 > kMost ? kMost : next_ * 2;
    return wait;
  }
  void succeeded() { next_ = kFirst; }

 private:
  base::Nanoseconds next_ = kFirst;
};

/// One receiver, one thread: a receiver that hangs or is away holds up nobody else. It gets the
/// newest report only; what it missed is not sent again. post() and leave() may be called from
/// any thread and post() never blocks.
class Reporter {
 public:
  Reporter(std::string to, const monitor::Credentials& with);
  ~Reporter();
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  void post(const v1::LoadReport& report);

  /// Tells the receiver that the backend leaves; returns how many flows its node still holds.
  base::Result<std::uint64_t> leave(const std::string& backend, base::Nanoseconds timeout);

  struct State {
    bool connected = false;
    std::uint64_t sent = 0;
    std::uint64_t streams = 0;  // opened so far; above 1: reconnected
    Trouble trouble;
  };
  [[nodiscard]] State state() const;
  [[nodiscard]] const std::string& to() const { return to_; }

 private:
  /// What a stream does while there is no connection.
  enum class Opening : std::uint8_t { kFailsAtOnce, kWaits };

  void run();
  std::uint64_t stream(Opening opening);
  bool take_newest(v1::LoadReport& report, std::uint64_t last_sequence);
  void note_sent();

  const std::string to_;
  std::unique_ptr<v1::Monitoring::Stub> stub_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;  // the rest of the members: guarded by mutex_
  v1::LoadReport newest_;
  grpc::ClientContext* context_ = nullptr;  // of the stream that is open
  State state_;
  std::thread thread_;
};

}  // namespace fairlead::agent
