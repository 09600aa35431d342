// SPDX-License-Identifier: BSD-3-Clause
// One table of columns for each command.
#include "control/cli/pages.hh"

#include <algorithm>
#include <iterator>
#include <set>

#include "control/cli/config_commands.hh"
#include "control/cli/edit_commands.hh"
#include "control/cli/hold_commands.hh"
#include "control/cli/packet_commands.hh"
#include "control/cli/run_commands.hh"

namespace fairlead::cli {
namespace {

using F = Format;

constexpr Column kUpdateBackends[] = {
    {"BACKEND", "id"},
    {"STATE", "state"},
    {"CPU", "cpu", F::kPercent},
    {"MEMORY", "memory", F::kPercent},
    {"ACTIVE", "active", F::kCount},
    {"CAPACITY", "capacity", F::kCount},
    {"LATENCY", "latency_us", F::kMicroseconds},
};

constexpr Column kUpdateNodes[] = {
    {"NODE", "id"},
    {"FORWARDING LATENCY", "forward_latency_us", F::kMicroseconds},
};

constexpr Column kVips[] = {
    {"VIP", "name"},
    {"ADDRESS", "address"},
    {"PROTOCOL", "protocol"},
    {"PORT", "port", F::kNumber},
    {"STATE", "state"},
    {"ENCAP", "encapsulation"},
    {"CHOICES", "choices", F::kNumber},
    {"SLOTS", "table_size", F::kNumber},
    {"BACKENDS", "backends", F::kCount},
    {"HEALTHY", "healthy", F::kCount},
    {"FLOWS", "flows", F::kCount},
    {"NEW FLOWS", "new_flows", F::kCount},
    {"PACKETS", "packets", F::kCount},
    {"BYTES", "bytes", F::kBytes},
    {"DROPPED", "dropped", F::kCount},
    {"COUNTED FOR", "cleared_s", F::kSeconds},
};

constexpr Column kBackends[] = {
    {"BACKEND", "id"},
    {"VIP", "vip"},
    {"ADDRESS", "address"},
    {"STATE", "state"},
    {"HEALTH", "health"},
    {"CONFIGURED", "configured_weight", F::kNumber},
    {"WEIGHT", "weight", F::kDecimal},
    {"SLOTS", "slots", F::kNumber},
    {"SHARE", "share", F::kPercent},
    {"IN FLIGHT", "in_flight", F::kCount},
    {"FLOWS BEGUN", "flows_begun", F::kCount},
    {"PACKETS", "packets", F::kCount},
    {"BYTES", "bytes", F::kBytes},
    {"CPU", "cpu", F::kPercent},
    {"ACTIVE", "active_connections", F::kCount},
    {"CAPACITY", "capacity", F::kCount},
    {"LATENCY", "latency_us", F::kMicroseconds},
    {"REPORT AGE", "report_age_ms", F::kMilliseconds},
    {"COUNTED FOR", "cleared_s", F::kSeconds},
    {"WHY", "why"},
};

constexpr Column kAgents[] = {
    {"BACKEND", "id"},
    {"IPIP", "tunnel.ipip", F::kCount},
    {"GUE", "tunnel.gue", F::kCount},
    {"FOREIGN", "tunnel.foreign_source", F::kCount},
    {"NEW", "tunnel.hop_syn", F::kCount},
    {"SOCKET HERE", "tunnel.hop_socket", F::kCount},
    {"SYN COOKIE", "tunnel.hop_cookie", F::kCount},
    {"UNKNOWN HERE", "tunnel.hop_unknown", F::kCount},
    {"PASSED ON", "tunnel.passed_on", F::kCount},
    {"LAST HOP", "tunnel.hop_last", F::kCount},
    {"SELF", "tunnel.hop_self", F::kCount},
    {"REPORT AGE", "report_age_ms", F::kMilliseconds},
};

constexpr Column kWeights[] = {
    {"BACKEND", "id"},
    {"VIP", "vip"},
    {"STATE", "state"},
    {"CONFIGURED", "configured_weight", F::kNumber},
    {"IN FORCE", "weight", F::kDecimal},
    {"ON ITS WAY TO", "ramp_to", F::kNumber},
    {"TIME LEFT", "ramp_remaining_ms", F::kMilliseconds},
    {"SHARE", "share", F::kPercent},
    {"CPU", "cpu", F::kPercent},
    {"REPORT AGE", "report_age_ms", F::kMilliseconds},
    {"WHY", "why"},
};

constexpr Column kTableHead[] = {
    {"vip", "vip"},
    {"slots", "size", F::kNumber},
    {"generation", "generation", F::kNumber},
    {"digest", "digest"},
    {"slots moved last", "last_moved", F::kCount},
};
constexpr Column kTableShares[] = {
    {"BACKEND", "backend"},
    {"WEIGHT", "weight", F::kDecimal},
    {"SLOTS", "slots", F::kNumber},
    {"SHARE", "share", F::kPercent},
};

constexpr Column kWorkers[] = {
    {"WORKER", "worker", F::kNumber},
    {"RX", "rx_packets", F::kCount},
    {"TX", "tx_packets", F::kCount},
    {"PUNTED", "punted", F::kCount},
    {"ANSWERED", "answered", F::kCount},
    {"DROPPED", "dropped", F::kCount},
    {"ENTRIES", "flows", F::kCount},
    {"HITS", "flow_hits", F::kCount},
    {"MISSES", "flow_misses", F::kCount},
    {"NEW FLOWS", "flow_inserts", F::kCount},
    {"REFUSED", "flow_inserts_refused", F::kCount},
    {"RX BYTES", "rx_bytes", F::kBytes},
    {"TX BYTES", "tx_bytes", F::kBytes},
    {"DECISIONS", "decisions_logged", F::kCount},
    {"SKIPPED", "decisions_skipped", F::kCount},
};
constexpr Column kNodeLatency[] = {
    {"node latency p50", "p50", F::kMicroseconds},
    {"node latency p99", "p99", F::kMicroseconds},
    {"node latency mean", "mean", F::kMicroseconds},
};

constexpr Column kReasons[] = {
    {"REASON", "name"},
    {"DROPPED", "drops", F::kCount},
    {"PUNTED", "punts", F::kCount},
    {"ANSWERED", "answers", F::kCount},
    {"MEANING", "text"},
};

constexpr Column kChecks[] = {
    {"BACKEND", "backend"},
    {"VIP", "vip"},
    {"STATE", "state"},
    {"SINCE", "last_change_s", F::kSeconds},
    {"VIA", "via"},
    {"TIME", "rtt_us", F::kMicroseconds},
    {"PROBES", "probes", F::kCount},
    {"FAILED", "failures", F::kCount},
    {"FLAPS", "flaps", F::kCount},
    {"EJECTED", "ejected", F::kWord},
    {"CAUSE", "cause"},
    {"LAST RESULT", "last_result"},
};

constexpr Column kPorts[] = {
    {"PORT", "port", F::kNumber},
    {"DEVICE", "device"},
    {"DRIVER", "driver"},
    {"MAC", "mac"},
    {"MTU", "mtu", F::kNumber},
    {"LINK", "link"},
    {"FORWARDS", "forwards"},
    {"QUEUES", "queues", F::kNumber},
    {"STEERING", "steering"},
    {"RX", "rx_packets", F::kCount},
    {"TX", "tx_packets", F::kCount},
    {"RX BYTES", "rx_bytes", F::kBytes},
    {"TX BYTES", "tx_bytes", F::kBytes},
    {"MISSED", "missed", F::kCount},
    {"ERRORS", "errors", F::kCount},
    {"NO BUFFER", "no_mbuf", F::kCount},
    {"STALLS", "stalls", F::kCount},
    {"COUNTED FOR", "cleared_s", F::kSeconds},
    {"GATEWAY", "gateway_mac"},
};
constexpr Column kPortQueues[] = {
    {"QUEUE", "queue", F::kNumber},
    {"WORKER", "worker", F::kNumber},
    {"RX", "rx_packets", F::kCount},
    {"TX", "tx_packets", F::kCount},
    {"RX BYTES", "rx_bytes", F::kBytes},
    {"TX BYTES", "tx_bytes", F::kBytes},
    {"ERRORS", "errors", F::kCount},
};
constexpr Column kPortXstats[] = {
    {"NAME", "name"},
    {"VALUE", "value", F::kCount},
};
constexpr Column kPortInfo[] = {
    {"port", "port", F::kNumber},
    {"device", "device"},
    {"driver", "driver"},
    {"mac", "mac"},
    {"mtu", "mtu", F::kNumber},
    {"link", "link"},
    {"speed in Mbit/s", "speed_mbps", F::kCount},
    {"NUMA socket", "socket", F::kNumber},
    {"queues", "queues", F::kNumber},
    {"queues at most, receive", "max_rx_queues", F::kNumber},
    {"queues at most, transmit", "max_tx_queues", F::kNumber},
    {"receive descriptors", "rx_descriptors", F::kCount},
    {"transmit descriptors", "tx_descriptors", F::kCount},
    {"buffers a queue", "buffers_per_queue", F::kCount},
    {"steering", "steering"},
    {"RSS", "rss"},
    {"outer IPv4 checksums", "checksums"},
    {"indirection entries", "indirection_entries", F::kCount},
    {"rules", "rules", F::kCount},
    {"rules mark the vip", "rules_mark", F::kWord},
    {"packets that met a rule", "rule_packets", F::kCount},
    {"no rules because", "no_rules_because"},
    {"rules that stay", "rules_stuck", F::kCount},
    {"table kept because", "kept_table_because"},
};

void add_cleared(const Json& result, Page& page) {
  if (result.contains("cleared_s"))
    page.blocks.emplace_back(
        "counted since clear stats, " + cell(result, "cleared_s", F::kSeconds) + " ago"
    );
}

Page stats_page(const Json& result) {
  if (result.contains("vips")) {
    Page page = vip_stats_page(result);
    add_cleared(result, page);
    return page;
  }
  Json workers = rows(result, "workers");
  Json total = part(result, "total", Json::object());
  total["worker"] = "total";
  workers.push_back(std::move(total));
  const Json latency = part(result, "node_latency_us", Json::object());
  Page page{{table_of(workers, kWorkers)}};
  add_flow_events(rows(result, "flow_events"), page);
  page.blocks.emplace_back(list_of(latency, kNodeLatency));
  add_cleared(result, page);
  return page;
}

/// Reasons that never happened are left out, unless one was asked for by name.
Page drop_page(const Call& call, const Json& result) {
  const bool all = call.arguments.contains("reason");
  Json kept = Json::array();
  for (const Json& reason : rows(result, "reasons")) {
    const bool counted = part(reason, "drops", 0U) != 0U || part(reason, "punts", 0U) != 0U ||
                         part(reason, "answers", 0U) != 0U;
    if (all || counted) kept.push_back(reason);
  }
  Page page;
  if (kept.empty()) {
    page.blocks.emplace_back("nothing dropped, punted or answered");
  } else {
    page.blocks.emplace_back(table_of(kept, kReasons));
  }
  add_cleared(result, page);
  return page;
}

Page port_page(const Call& call, const Json& result) {
  const Json ports = rows(result, "ports");
  const std::string what = part(call.arguments, "what", Json("")).get<std::string>();
  if (what.empty()) return {{table_of(ports, kPorts)}};
  Page page;
  for (const Json& port : ports) {
    if (what == "info") page.blocks.emplace_back(list_of(port, kPortInfo));
    if (what == "xstats") page.blocks.emplace_back(table_of(rows(port, "xstats"), kPortXstats));
    if (what == "stats") {
      page.blocks.emplace_back(table_of(Json::array({port}), kPorts));
      page.blocks.emplace_back(table_of(rows(port, "queue_stats"), kPortQueues));
    }
  }
  return page;
}

/// A backend's agent counts once, whatever vips the backend serves.
Page agents_page(const Json& backends) {
  Json kept = Json::array();
  std::set<std::string> seen;
  for (const Json& backend : backends) {
    if (!backend.contains("tunnel")) continue;
    if (seen.insert(part(backend, "id", Json("")).get<std::string>()).second)
      kept.push_back(backend);
  }
  if (kept.empty()) return {{"no agent has told what came through its tunnels"}};
  return {{table_of(kept, kAgents)}};
}

}  // namespace

Json part(const Json& object, const char* key, Json otherwise) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (!object.is_object() || found == object.end()) return otherwise;
  return found->type() == otherwise.type() ? *found : otherwise;
}

Json rows(const Json& result, const char* key) {
  return part(result, key, Json::array());
}

Page page_of(const Call& call, const Json& result) {
  const std::string& name = call.pattern->name;
  if (name == "show status") return status_page(result);
  if (name == "show fleet") return nodes_page(result);
  if (name == "show digest") return digest_page(result);
  if (name == "show weights") return {{table_of(rows(result, "backends"), kWeights, 2)}};
  if (name == "show events") return events_page(result);
  if (name == "start" || name == "stop") return forwarding_page(result);
  const std::string diff = diff_of(call);
  if (call.pattern->method == "config diff" || diff == "pending") return config_page(call, result);
  if (name.find("capture") != std::string::npos) return capture_page(result);
  if (name == "show vip") return {{table_of(rows(result, "vips"), kVips)}};
  if (call.pattern->method == "show backend")
    return {{table_of(rows(result, "backends"), kBackends, 2)}};
  if (diff == "prev") return table_diff_page(result);
  if (name == "show table") {
    return {{list_of(result, kTableHead), table_of(rows(result, "shares"), kTableShares)}};
  }
  if (name.rfind("show flow", 0) == 0) return flow_page(call, result);
  if (name == "show stats") return stats_page(result);
  if (name == "show drop") return drop_page(call, result);
  if (name == "show health") return {{table_of(rows(result, "checks"), kChecks, 2)}};
  if (call.pattern->method == "show port") return port_page(call, result);
  if (name == "show core") return core_page(result);
  if (name == "show agents") return agents_page(rows(result, "backends"));
  if (name == "show drain") return drain_page(rows(result, "drains"));
  if (name == "show memory") return memory_page(result);
  if (name == "show update") {
    return {
        {table_of(rows(result, "backends"), kUpdateBackends),
         table_of(rows(result, "nodes"), kUpdateNodes)}};
  }
  if (name == "lookup") return lookup_page(call, result);
  if (name.find("config") != std::string::npos || call.pattern->method == "config edit")
    return config_page(call, result);
  return done_page(call, result);
}

}  // namespace fairlead::cli
