// SPDX-License-Identifier: BSD-3-Clause
// Weighted means.
#include "control/monitor/windows.hh"

#include <algorithm>

namespace fairlead::monitor {

LoadReport merged(const std::vector<Received>& reports, std::uint64_t last_sequence) {
  LoadReport out = reports.back().report;
  double seconds = 0;
  double requests = 0;
  double latency = 0;
  LoadReport sum;
  double cpu_seconds = 0;
  double memory_seconds = 0;
  double active_seconds = 0;
  bool restarted = false;
  for (const Received& received : reports) {
    const LoadReport& r = received.report;
    restarted = restarted || r.sequence <= 1 || r.sequence <= last_sequence;
    last_sequence = r.sequence;
    const double time = static_cast<double>(r.period_us) / 1e6;
    seconds += time;
    sum.period_us += r.period_us;
    const auto add = [&](std::uint32_t what, double& of, double value, double& told) {
      if ((r.untold & what) != 0) return;
      of += value * time;
      told += time;
    };
    add(kCpuUntold, sum.cpu, r.cpu, cpu_seconds);
    add(kMemoryUntold, sum.memory, r.memory, memory_seconds);
    add(kActiveUntold, sum.active, r.active, active_seconds);
    sum.application += r.application * time;
    sum.requests_per_second += r.requests_per_second * time;
    sum.errors_per_second += r.errors_per_second * time;
    if (r.latency_us <= 0) continue;
    requests += r.requests_per_second * time;
    latency += r.latency_us * r.requests_per_second * time;
  }
  const auto mean = [&](std::uint32_t what, double& of, double told_sum, double told) {
    of = told > 0 ? told_sum / told : 0;
    out.untold = told > 0 ? out.untold & ~what : out.untold | what;
  };
  mean(kCpuUntold, out.cpu, sum.cpu, cpu_seconds);
  mean(kMemoryUntold, out.memory, sum.memory, memory_seconds);
  mean(kActiveUntold, out.active, sum.active, active_seconds);
  out.application = sum.application / seconds;
  out.requests_per_second = sum.requests_per_second / seconds;
  out.errors_per_second = sum.errors_per_second / seconds;
  if (requests > 0) out.latency_us = latency / requests;
  out.period_us = sum.period_us;
  if (restarted) out.sequence = 1;
  return out;
}

std::vector<LoadReport> Windows::take(
    Intake& intake,
    const std::vector<std::string>& backends,
    std::map<std::string, std::vector<Received>>* raw
) {
  std::vector<LoadReport> out;
  for (const std::string& id : backends) {
    std::vector<Received> reports = intake.take_reports(id);
    if (reports.empty()) continue;
    std::uint64_t& last = last_sequence_[id];
    out.push_back(merged(reports, last));
    out.back().tunnel = intake.tunnel(id);
    last = reports.back().report.sequence;
    if (raw == nullptr) continue;
    auto& kept = (*raw)[id];
    kept.insert(kept.end(), reports.begin(), reports.end());
  }
  std::erase_if(last_sequence_, [&](const auto& entry) {
    return std::find(backends.begin(), backends.end(), entry.first) == backends.end();
  });
  return out;
}

}  // namespace fairlead::monitor
