// SPDX-License-Identifier: BSD-3-Clause
// What a node knows of its fleet.
#include "control/cli/pages.hh"

namespace fairlead::cli {
namespace {

using F = Format;

constexpr Column kMonitoring[] = {
    {"monitor", "fleet.monitor"},
    {"monitor tells", "fleet.fresh", F::kWord},
    {"counts of the fleet in scores", "exchange.shared", F::kWord},
    {"nodes in counts", "exchange.nodes", F::kCount},
    {"different tables in the fleet", "fleet.digests", F::kCount},
    {"nodes disagree", "fleet.disagreement", F::kWord},
};
constexpr Column kRoutes[] = {
    {"takes traffic", "routes.announced", F::kWord},
    {"state of the node", "routes.state"},
    {"routers are not told", "routes.error"},
};
constexpr Column kEtcd[] = {
    {"etcd away", "etcd.away", F::kWord},
    {"etcd revision", "etcd.revision", F::kNumber},
    {"decisions that wait for etcd", "etcd.waiting", F::kCount},
    {"configuration shared by", "etcd.configuration"},
    {"shared configuration refused", "etcd.configuration_error"},
    {"etcd error", "etcd.error"},
};
constexpr Column kFleetNodes[] = {
    {"NODE", "node"},
    {"GENERATION", "generation", F::kNumber},
    {"DIGEST", "digest"},
    {"PACKETS", "packets", F::kCount},
    {"ENTRIES", "flows", F::kCount},
    {"FORWARD P50", "forward_p50_us", F::kMicroseconds},
    {"FORWARD P99", "forward_p99_us", F::kMicroseconds},
    {"DATA PLANE", "dataplane", F::kWord},
    {"TOLD", "age_ms", F::kMilliseconds},
};

constexpr Column kNodes[] = {
    {"NODE", "node"},
    {"STATE", "state"},
    {"ANNOUNCED", "announced", F::kWord},
    {"GENERATION", "generation", F::kNumber},
    {"WEIGHTS", "weights", F::kNumber},
    {"DIGEST", "digest"},
    {"AGREES", "agrees", F::kWord},
    {"ENTRIES", "flows", F::kCount},
    {"FORWARD P50", "forward_p50_us", F::kMicroseconds},
    {"FORWARD P99", "forward_p99_us", F::kMicroseconds},
    {"DATA PLANE", "dataplane", F::kWord},
    {"TOLD", "age_ms", F::kMilliseconds},
};
constexpr Column kMonitors[] = {
    {"MONITOR", "monitor"},
    {"LEADS", "leads", F::kWord},
};
constexpr Column kDigest[] = {
    {"digest", "digest"},
    {"generation", "generation", F::kNumber},
    {"weights of the fleet", "weights_generation", F::kNumber},
    {"term of their leader", "weights_term", F::kNumber},
    {"nodes heard", "heard_of"},
    {"not heard", "silent_names"},
    {"all nodes agree", "agreement"},
};
constexpr Column kDigests[] = {
    {"DIGEST", "digest"},
    {"COUNT", "count", F::kCount},
    {"NODES", "names"},
};
constexpr const char* kAlarm =
    "ALARM: nodes have had different tables for more than 3 s, compare show fleet";

}  // namespace

Page nodes_page(const Json& result) {
  Page page{{table_of(rows(result, "nodes"), kNodes)}};
  const Json monitors = rows(result, "monitors");
  if (!monitors.empty()) page.blocks.emplace_back(table_of(monitors, kMonitors));
  if (part(result, "disagreement", false)) page.blocks.emplace_back(kAlarm);
  return page;
}

Page digest_page(const Json& answer) {
  const auto joined = [](const Json& list) {
    std::string names;
    for (const Json& name : list)
      if (name.is_string()) names += (names.empty() ? "" : " ") + name.get<std::string>();
    return names;
  };
  Json result = answer;
  Json digests = rows(result, "digests");
  for (Json& row : digests) row["names"] = joined(rows(row, "nodes"));
  const std::string silent = joined(rows(result, "silent"));
  if (!silent.empty()) result["silent_names"] = silent;
  if (result.contains("heard") && result.contains("nodes"))
    result["heard_of"] =
        cell(result, "heard", F::kNumber) + " of " + cell(result, "nodes", F::kNumber);
  const bool agree = part(result, "agree", Json(false)).get<bool>();
  const bool unknown = digests.size() < 2 && !silent.empty();
  result["agreement"] = agree ? "yes" : unknown ? "not known: not all were heard" : "no";
  Page page{{list_of(result, kDigest), table_of(digests, kDigests)}};
  if (part(result, "disagreement", false)) page.blocks.emplace_back(kAlarm);
  return page;
}

void add_fleet(const Json& result, Page& page) {
  auto& rows_so_far = std::get<Table>(page.blocks.front()).rows;  // one list: one width
  const auto add = [&](std::span<const Column> columns) {
    for (auto& row : list_of(result, columns).rows) rows_so_far.push_back(std::move(row));
  };
  if (result.contains("fleet") || result.contains("exchange")) add(kMonitoring);
  if (result.contains("routes")) add(kRoutes);
  if (result.contains("etcd")) add(kEtcd);
  if (result.contains("fleet"))
    page.blocks.emplace_back(table_of(rows(result["fleet"], "nodes"), kFleetNodes));
}

}  // namespace fairlead::cli
