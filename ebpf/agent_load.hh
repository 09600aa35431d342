// SPDX-License-Identifier: BSD-3-Clause
// What a backend knows about its load, and how it is read from texts. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "dataplane/base/result.hh"

namespace fairlead::agent {

/// A measurement; what was not measured is absent. Names and units as in
/// control/api/fairlead.proto.
struct Load {
  std::optional<double> cpu_utilization;          // 0..; 1: all cores busy
  std::optional<double> mem_utilization;          // 0..1
  std::optional<double> application_utilization;  // 0..
  std::optional<double> rps_fractional;           // requests completed a second
  std::optional<double> eps;                      // errors a second
  std::optional<double> mean_latency_us;
  std::optional<std::uint32_t> active_connections;
  std::optional<std::uint32_t> capacity;
  std::optional<std::uint64_t> completed;  // requests completed since the service started
  friend bool operator==(const Load&, const Load&) = default;
};

/// `first` where it has a value, else `second`.
Load merged(const Load& first, const Load& second);

/// The JSON object of a service, any subset of Load's fields. Refused as a whole: text that is no
/// object, a known field that is no number, negative or absurd (utilisation above 1000). Unknown
/// fields are ignored: ORCA has more.
base::Result<Load> parse_load_json(std::string_view text);

/// CPU time in ticks, summed over all cores, from the first line of /proc/stat. Waiting for I/O and
/// time stolen by the hypervisor are not busy.
struct CpuTicks {
  std::uint64_t busy = 0;
  std::uint64_t total = 0;
};
std::optional<CpuTicks> parse_proc_stat(std::string_view text);

/// Share of CPU time used between two readings; nullopt if no tick has passed.
std::optional<double> cpu_share(const CpuTicks& before, const CpuTicks& now);

/// usage_usec of a cgroup's cpu.stat: CPU time in microseconds.
std::optional<std::uint64_t> parse_cgroup_usage(std::string_view text);

/// Cores that a cgroup may use at most, from cpu.max ("max 100000" or "200000 100000").
std::optional<double> parse_cgroup_cores(std::string_view text);

/// Share of memory in use, 1 - MemAvailable / MemTotal, from /proc/meminfo.
std::optional<double> parse_meminfo(std::string_view text);

}  // namespace fairlead::agent
