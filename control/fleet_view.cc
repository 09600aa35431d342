// SPDX-License-Identifier: BSD-3-Clause
// Do nodes agree, and how it looks as JSON.
#include "control/fleet_view.hh"

#include <algorithm>
#include <cstdio>
#include <set>

#include <nlohmann/json.hpp>

namespace fairlead::control {

void FleetView::take(std::vector<FleetNode> rows, base::Nanoseconds now) {
  nodes = std::move(rows);
  for (const FleetNode& node : nodes) last_heard[node.id] = now;
  std::erase_if(last_heard, [now](const auto& one) { return now > one.second + kRemembered; });
}

FleetView::Hearing FleetView::hearing(
    const std::string& own, const std::vector<std::string>& leases, base::Nanoseconds now
) const {
  Hearing out;
  std::set<std::string> missing(leases.begin(), leases.end());
  for (const auto& [id, at] : last_heard)
    if (now <= at + kRemembered) missing.insert(id);
  missing.erase(own);
  const base::Nanoseconds old = choice.last() == 0 ? 0 : now - choice.last();
  for (const FleetNode& node : nodes) {
    const bool fresh = node.age_ms * base::kMillisecond + old <= kHeardWithin;
    if (node.id == own || !fresh) continue;
    out.heard.push_back(node);
    missing.erase(node.id);
  }
  out.silent.assign(missing.begin(), missing.end());
  return out;
}

std::size_t FleetView::digests() const {
  std::set<std::uint64_t> different;
  for (const FleetNode& node : nodes) different.insert(node.digest);
  return different.size();
}

bool FleetView::look_at_digests(base::Nanoseconds now) {
  if (digests() < 2) {
    differ_since = 0;
    const bool tell = alarmed;
    alarmed = false;
    return tell;
  }
  if (differ_since == 0) differ_since = now;
  if (alarmed || now < differ_since + kMayDiffer) return false;
  alarmed = true;
  return true;
}

void add_latency(const FleetNode& node, nlohmann::json& row) {
  if (node.forward_p99_us <= 0) return;
  row["forward_mean_us"] = node.forward_mean_us;
  row["forward_p50_us"] = node.forward_p50_us;
  row["forward_p99_us"] = node.forward_p99_us;
}

nlohmann::json FleetView::show(base::Nanoseconds now) const {
  nlohmann::json rows = nlohmann::json::array();
  for (const FleetNode& node : nodes) {
    char digest[17];
    std::snprintf(digest, sizeof digest, "%016llx", static_cast<unsigned long long>(node.digest));
    rows.push_back(
        {{"node", node.id},
         {"generation", node.generation},
         {"digest", digest},
         {"weights", node.weights_generation},
         {"packets", node.packets},
         {"flows", node.flows},
         {"dataplane", node.dataplane},
         {"down", node.down},
         {"age_ms", node.age_ms}}
    );
    add_latency(node, rows.back());
  }
  nlohmann::json out{
      {"fresh", !choice.silent(now)},
      {"monitor", monitor},
      {"term", choice.term()},
      {"updates", taken},
      {"updates_of_others", other_monitor},
      {"updates_of_old_terms", old_term},
      {"weights_refused", weights_refused},
      {"nodes", rows},
      {"digests", digests()},
      {"disagreement", alarmed},
  };
  if (choice.last() != 0) out["age_ms"] = static_cast<double>(now - choice.last()) / 1e6;
  return out;
}

std::size_t fleet_size(const FleetView& fleet, const fleet::Store* store) {
  if (!fleet.configured && store == nullptr) return 1;
  const std::size_t leased = store == nullptr ? 0 : store->members("nodes").size();
  return std::max(fleet.nodes.size(), leased);
}

}  // namespace fairlead::control
