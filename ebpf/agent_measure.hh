// SPDX-License-Identifier: BSD-3-Clause
// Where the load's values come from: the kernel and the service's own report over HTTP.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/base/clock.hh"
#include "ebpf/agent_load.hh"
#include "ebpf/agent_trouble.hh"
#include "ebpf/vip_table.hh"

namespace fairlead::agent {

/// CPU, memory, connections and how soon they are answered, from /proc, cgroup v2 and sock_diag.
/// CPU and latency are of the time since the last sample, so the first one has none. A cgroup's CPU
/// is relative to its quota, or to all cores. One thread.
class KernelLoad {
 public:
  KernelLoad(std::string cgroup, std::vector<ebpf::ServedVip> vips)
      : cgroup_(std::move(cgroup)), vips_(std::move(vips)) {}
  Load sample(base::Nanoseconds now);

 private:
  std::optional<double> host_cpu();
  std::optional<double> cgroup_cpu(base::Nanoseconds now);

  std::string cgroup_;
  std::vector<ebpf::ServedVip> vips_;
  std::optional<CpuTicks> ticks_;
  std::optional<std::uint64_t> usage_us_;
  base::Nanoseconds usage_at_ = 0;
  base::Nanoseconds sampled_at_ = 0;
};

/// Asks a URL for its load report every interval, in a thread of its own, so that a service that
/// hangs never delays a report of ours.
class UrlLoad {
 public:
  UrlLoad(std::string url, base::Nanoseconds interval);
  ~UrlLoad();
  UrlLoad(const UrlLoad&) = delete;
  UrlLoad& operator=(const UrlLoad&) = delete;

  struct State {
    Load load;  // empty if stale: no good answer for 3 intervals (at least 1 s)
    std::uint64_t answers = 0;
    std::uint64_t failures = 0;
    Trouble trouble;
  };
  [[nodiscard]] State state(base::Nanoseconds now) const;

 private:
  void run();

  const std::string url_;
  const base::Nanoseconds interval_;
  mutable std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;  // the rest of the members: guarded by mutex_
  State state_;
  base::Nanoseconds answered_at_ = 0;
  std::thread thread_;
};

}  // namespace fairlead::agent
