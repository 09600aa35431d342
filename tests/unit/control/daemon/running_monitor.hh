// SPDX-License-Identifier: BSD-3-Clause
// A real fairlead-monitor on a port of its own, and an agent that talks to it; for live tests.
#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

namespace fairlead::control {

class RunningMonitor {
 public:
  /// `config`: path of a node's file; `log`: where stderr goes.
  RunningMonitor(std::string config, std::string log);
  ~RunningMonitor() { kill_now(); }
  RunningMonitor(const RunningMonitor&) = delete;
  RunningMonitor& operator=(const RunningMonitor&) = delete;

  void start();
  void kill_now();  // SIGKILL, and waits
  void signal(int number) const;
  [[nodiscard]] const std::string& at() const { return at_; }  // ADDRESS:PORT
  [[nodiscard]] std::string log() const;
  [[nodiscard]] std::string metrics() const;  // the answer to GET /metrics

  /// One load report as of an agent; it must be believed.
  void report(const std::string& backend, std::uint64_t sequence, double cpu) const;
  /// A goodbye; returns the flows that are left.
  [[nodiscard]] std::uint64_t leave(const std::string& backend) const;

 private:
  std::string at_;
  int metrics_port_;
  std::string config_;
  std::string log_;
  pid_t pid_ = -1;
};

}  // namespace fairlead::control
