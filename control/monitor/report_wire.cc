// SPDX-License-Identifier: BSD-3-Clause
// Field by field.
#include "control/monitor/report_wire.hh"

#include <algorithm>
#include <string>

namespace fairlead::monitor {
namespace {

// They become labels of metrics; an agent names about 25.
constexpr std::size_t kMostCounters = 64;

bool is_counter(const std::string& name) {
  return !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

LoadReport from_wire(const v1::LoadReport& m) {
  LoadReport r;
  r.backend_id = m.backend_id();
  r.sequence = m.sequence();
  r.timestamp_us = m.timestamp_unix_us();
  r.cpu = m.cpu_utilization();
  r.memory = m.mem_utilization();
  r.application = m.application_utilization();
  r.requests_per_second = m.rps_fractional();
  r.errors_per_second = m.eps();
  r.active = m.active_connections();
  r.capacity = m.capacity();
  r.latency_us = m.mean_latency_us();
  r.completed = m.completed();
  r.period_us = m.period_us();
  r.untold = m.untold();
  for (const auto& [counter, packets] : m.tunnel()) {
    if (r.tunnel.size() < kMostCounters && is_counter(counter)) r.tunnel[counter] = packets;
  }
  return r;
}

v1::LoadReport to_wire(const LoadReport& r) {
  v1::LoadReport m;
  m.set_backend_id(r.backend_id);
  m.set_sequence(r.sequence);
  m.set_timestamp_unix_us(r.timestamp_us);
  m.set_cpu_utilization(r.cpu);
  m.set_mem_utilization(r.memory);
  m.set_application_utilization(r.application);
  m.set_rps_fractional(r.requests_per_second);
  m.set_eps(r.errors_per_second);
  m.set_active_connections(static_cast<std::uint32_t>(r.active + 0.5));
  m.set_capacity(static_cast<std::uint32_t>(r.capacity));
  m.set_mean_latency_us(r.latency_us);
  m.set_completed(r.completed);
  m.set_period_us(r.period_us);
  m.set_untold(r.untold);
  m.mutable_tunnel()->insert(r.tunnel.begin(), r.tunnel.end());
  return m;
}

}  // namespace fairlead::monitor
