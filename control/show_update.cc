// SPDX-License-Identifier: BSD-3-Clause
// `show update`: what the monitoring knows now, as one update of the simulator's --updates file.
#include <algorithm>
#include <map>

#include "control/show.hh"

namespace fairlead::control {
namespace {

/// Down in every vip that has it: then no vip may use it.
bool is_down(const Node& node, const std::string& id) {
  bool down = true;
  for (const model::Vip& vip : node.config.vips)
    if (find_backend(vip, id) != nullptr)
      down = down && node.checks.state(vip.name, id) == health::State::kDown;
  return down;
}

Json backend_entry(const Node& node, const model::Backend& backend) {
  Json entry{{"id", backend.id}, {"state", is_down(node, backend.id) ? "down" : "up"}};
  if (backend.capacity != 0) entry["capacity"] = backend.capacity;
  const auto report = node.intake.peek(backend.id);
  if (!report) return entry;
  if ((report->untold & monitor::kCpuUntold) == 0) entry["cpu"] = report->cpu;
  if ((report->untold & monitor::kMemoryUntold) == 0) entry["memory"] = report->memory;
  if ((report->untold & monitor::kActiveUntold) == 0) entry["active"] = report->active;
  if (report->latency_us > 0) entry["latency_us"] = report->latency_us;
  if (report->capacity != 0) entry["capacity"] = report->capacity;
  return entry;
}

}  // namespace

Json show_update(const Node& node, base::Nanoseconds now) {
  std::map<std::string, const model::Backend*> backends;  // each once, whatever vips it serves
  for (const model::Vip& vip : node.config.vips)
    for (const model::Backend& backend : vip.backends) backends.emplace(backend.id, &backend);
  Json entries = Json::array();
  for (const auto& [id, backend] : backends) entries.push_back(backend_entry(node, *backend));
  Json self{{"id", node.config.node.id}};
  const steer::Latency& latency = node.latency.node();
  if (latency.samples != 0) self["forward_latency_us"] = latency.mean_ns / 1e3;
  return Json{
      {"t_us", (now - node.started) / 1000},
      {"backends", std::move(entries)},
      {"nodes", Json::array({std::move(self)})}};
}

}  // namespace fairlead::control
