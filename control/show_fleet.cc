// SPDX-License-Identifier: BSD-3-Clause
// show fleet, show digest: the fleet as this node knows it.
#include <algorithm>
#include <map>
#include <set>

#include "control/own_row.hh"
#include "control/show.hh"

namespace fairlead::control {
namespace {

Json row_of(const Node& node, const FleetNode& other, bool agrees) {
  Json out{
      {"node", other.id},
      {"here", other.id == node.config.node.id},
      {"state", other.state.empty() ? std::string("serving") : other.state},
      {"announced", other.announced},
      {"generation", other.generation},
      {"weights", other.weights_generation},
      {"digest", hex64(other.digest)},
      {"agrees", agrees},
      {"dataplane", other.dataplane},
      {"flows", other.flows},
      {"packets", other.packets},
      {"down", other.down},
      {"age_ms", other.age_ms}};
  add_latency(other, out);
  return out;
}

/// This node as it is now, the others as they told last.
std::vector<FleetNode> all_nodes(const Node& node, base::Nanoseconds now) {
  std::vector<FleetNode> out{own_row(node, now)};
  for (const FleetNode& other : node.fleet.nodes)
    if (other.id != node.config.node.id) out.push_back(other);
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return out;
}

std::map<std::uint64_t, std::vector<std::string>> by_digest(const std::vector<FleetNode>& nodes) {
  std::map<std::uint64_t, std::vector<std::string>> out;
  for (const FleetNode& node : nodes) out[node.digest].push_back(node.id);
  return out;
}

/// What most nodes have; the smaller one of two that as many have.
std::uint64_t most_common(const std::map<std::uint64_t, std::vector<std::string>>& groups) {
  std::uint64_t out = 0;
  std::size_t most = 0;
  for (const auto& [digest, nodes] : groups) {
    if (nodes.size() <= most) continue;
    out = digest;
    most = nodes.size();
  }
  return out;
}

}  // namespace

Json show_nodes(const Node& node, base::Nanoseconds now) {
  const auto nodes = all_nodes(node, now);
  const std::uint64_t common = most_common(by_digest(nodes));
  Json rows = Json::array();
  std::set<std::string> told;
  for (const FleetNode& other : nodes) {
    rows.push_back(row_of(node, other, other.digest == common));
    told.insert(other.id);
  }
  Json out{{"nodes", std::move(rows)}, {"disagreement", node.fleet.alarmed}};
  out["monitors"] = Json::array();
  if (!node.store) return out;
  // There by its lease, but no monitor hears of it.
  for (const fleet::Member& member : node.store->members("nodes")) {
    if (told.count(member.id) == 0)
      out["nodes"].push_back({{"node", member.id}, {"state", "silent: tells no monitor"}});
  }
  for (const fleet::Member& member : node.store->members("monitors"))
    out["monitors"].push_back({{"monitor", member.id}, {"leads", member.id == node.fleet.monitor}});
  return out;
}

namespace {

std::vector<std::string> leases_of(const Node& node) {
  std::vector<std::string> out;
  if (!node.store) return out;
  for (const fleet::Member& member : node.store->members("nodes")) out.push_back(member.id);
  return out;
}

}  // namespace

Json show_digest(const Node& node, base::Nanoseconds now) {
  const std::string& own = node.config.node.id;
  FleetView::Hearing hearing = node.fleet.hearing(own, leases_of(node), now);
  std::vector<FleetNode>& nodes = hearing.heard;
  nodes.push_back(own_row(node, now));
  std::sort(nodes.begin(), nodes.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  const auto groups = by_digest(nodes);
  const std::uint64_t common = most_common(groups);
  Json rows = Json::array();
  for (const auto& [digest, ids] : groups)
    rows.push_back(
        {{"digest", hex64(digest)},
         {"nodes", ids},
         {"count", ids.size()},
         {"most", digest == common}}
    );
  return Json{
      {"digest", hex64(node.publisher.table().digest())},
      {"generation", node.publisher.generation()},
      {"weights_generation", node.fleet_weights.generation},
      {"weights_term", node.fleet_weights.term},
      {"digests", std::move(rows)},
      {"heard", nodes.size()},
      {"nodes", nodes.size() + hearing.silent.size()},
      {"silent", hearing.silent},
      {"agree", groups.size() == 1 && hearing.silent.empty()},
      {"disagreement", node.fleet.alarmed}};
}

}  // namespace fairlead::control
