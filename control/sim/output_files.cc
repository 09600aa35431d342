// SPDX-License-Identifier: BSD-3-Clause
// Decisions and report.
#include <cmath>
#include <cstdio>
#include <utility>

#include <nlohmann/json.hpp>

#include "control/sim/files.hh"

namespace fairlead::sim {

namespace {

/// Whole microseconds, rounded to the nearest.
long long microseconds(Time time) {
  return static_cast<long long>((time + 500) / 1000);
}

/// Thousandths are enough and keep the bytes the same on every machine.
double rounded(double value) {
  return std::round(value * 1000) / 1000;
}

nlohmann::ordered_json latency_json(const Histogram& h, bool all) {
  nlohmann::ordered_json j;
  j["mean"] = rounded(h.mean() / 1000);
  if (all) {
    j["p50"] = rounded(h.quantile(0.50) / 1000);
    j["p95"] = rounded(h.quantile(0.95) / 1000);
  }
  j["p99"] = rounded(h.quantile(0.99) / 1000);
  if (all) j["p999"] = rounded(h.quantile(0.999) / 1000);
  return j;
}

}  // namespace

std::string node_id(const Setup& setup, std::uint32_t node) {
  return node < setup.node_ids.size() ? setup.node_ids[node] : "lb" + std::to_string(node + 1);
}

DecisionsFile::DecisionsFile(
    sys::OutputFile file, const Setup& setup, const std::vector<std::string_view>* ids, Time start
)
    : file_(std::move(file)), setup_(&setup), ids_(ids), start_(start) {
  std::fputs(
      "request_id,arrival_us,node_id,backend_id,start_us,completion_us,outcome\n", file_.file()
  );
}

void DecisionsFile::add(const Decision& decision) {
  const std::uint64_t at = decision.row - written_;
  if (at >= waiting_.size()) {
    waiting_.resize(at + 1);
    known_.resize(at + 1);
  }
  waiting_[at] = decision;
  known_[at] = true;
  while (!known_.empty() && known_.front()) {
    write(waiting_.front());
    waiting_.pop_front();
    known_.pop_front();
    ++written_;
  }
}

void DecisionsFile::write(const Decision& d) {
  static constexpr const char* kOutcomes[] = {"ok", "rejected", "failed"};
  std::FILE* file = file_.file();
  if (ids_ != nullptr) {
    const std::string_view id = (*ids_)[d.row];
    std::fwrite(id.data(), 1, id.size(), file);
  } else {
    std::fprintf(file, "%llu", static_cast<unsigned long long>(d.row + 1));
  }
  const std::string node = d.node < setup_->nodes ? node_id(*setup_, d.node) : "";
  const char* backend = d.backend == kNoBackend ? "" : setup_->backends[d.backend].id.c_str();
  std::fprintf(file, ",%lld,%s,%s,", microseconds(d.arrival + start_), node.c_str(), backend);
  if (d.start >= 0) std::fprintf(file, "%lld", microseconds(d.start + start_));
  std::fputc(',', file);
  if (d.completion >= 0) std::fprintf(file, "%lld", microseconds(d.completion + start_));
  std::fprintf(file, ",%s\n", kOutcomes[static_cast<int>(d.outcome)]);
}

std::string report_json(const Setup& setup, const Measures& m, Time first_arrival) {
  nlohmann::ordered_json j;
  j["requests"] = m.requests;
  j["ok"] = m.ok;
  j["rejected"] = m.rejected;
  j["failed"] = m.failed;
  const double requests = static_cast<double>(m.requests);
  j["availability"] = m.requests == 0 ? 1.0 : static_cast<double>(m.ok) / requests;
  const double seconds = static_cast<double>(m.end - first_arrival) * 1e-9;
  j["throughput_rps"] = seconds > 0 ? rounded(static_cast<double>(m.ok) / seconds) : 0;
  j["latency_us"] = latency_json(m.latency, true);
  j["within_200ms"] =
      m.requests == 0 ? 1.0
                      : m.latency.share_within(200 * kMilli) * static_cast<double>(m.ok) / requests;
  j["load"] = {
      {"peak", rounded(m.load.peak)},
      {"seconds_above_capacity", rounded(m.load.crowded_seconds)},
      {"p95_us_below_capacity", rounded(m.load.uncrowded.quantile(0.95) / 1000)}};
  j["node_latency_us"] = latency_json(m.node_latency, false);
  auto& per_backend = j["per_backend"] = nlohmann::ordered_json::object();
  for (std::size_t b = 0; b < setup.backends.size(); ++b)
    per_backend[setup.backends[b].id] = {
        {"requests", m.backends[b].requests},
        {"utilisation", std::round(m.backends[b].utilisation * 1e6) / 1e6}};
  j["policy"] = setup.policy.name;
  j["seed"] = setup.seed;
  j["scenario"] = setup.scenario;
  j["nodes"] = setup.nodes;
  j["broken_connections"] = m.broken;
  const double run = static_cast<double>(setup.duration) * 1e-9;
  j["messages_bytes_per_second"] = {
      {"counts", run > 0 ? std::round(static_cast<double>(m.exchange_bytes) / run) : 0},
      {"weights", run > 0 ? std::round(static_cast<double>(m.update_bytes) / run) : 0}};
  const double updates = static_cast<double>(m.updates);
  j["table"] = {
      {"updates", m.updates},
      {"slots_moved_mean", m.updates == 0 ? 0 : std::round(m.slots_moved / updates * 1e6) / 1e6},
      {"slots_moved_most", std::round(m.slots_moved_max * 1e6) / 1e6}};
  return j.dump(2) + "\n";
}

}  // namespace fairlead::sim
