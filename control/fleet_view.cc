// SPDX-License-Identifier: BSD-3-Clause
// Do nodes agree, and how it looks as JSON.
#include "control/fleet_view.hh"

#include <cstdio>
#include <set>

#include <nlohmann/json.hpp>

namespace fairlead::control {

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
         {"forward_p99_us", node.forward_p99_us},
         {"dataplane", node.dataplane},
         {"down", node.down},
         {"age_ms", node.age_ms}}
    );
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

}  // namespace fairlead::control
