// SPDX-License-Identifier: BSD-3-Clause
// `show status`: of a node, or of a backend's agent.
#include "control/cli/pages.hh"

namespace fairlead::cli {
namespace {

using F = Format;

constexpr Column kStatus[] = {
    {"node", "node"},
    {"version", "version"},
    {"uptime", "uptime_s", F::kSeconds},
    {"generation", "generation", F::kNumber},
    {"digest", "digest"},
    {"policy", "policy"},
    {"weights frozen", "frozen", F::kWord},
    {"vips", "vips", F::kCount},
    {"backends", "backends", F::kCount},
    {"healthy", "healthy", F::kCount},
    {"agents", "agents", F::kCount},
    {"data plane running", "dataplane.running", F::kWord},
    {"data plane pid", "dataplane.pid", F::kNumber},
    {"data plane heartbeat", "dataplane.heartbeat_age_ms", F::kMilliseconds},
    {"data plane workers", "dataplane.workers", F::kCount},
    {"generation acknowledged", "dataplane.generation_acknowledged", F::kNumber},
    {"holds back", "dataplane.behind"},
    {"a change waits for", "dataplane.change_waits_s", F::kSeconds},
    {"measurements lost", "measurements_lost", F::kWord},
    {"decision to publication", "decision_to_publish_ms.mean", F::kMilliseconds},
    {"publication to workers", "publish_to_acknowledge_ms.mean", F::kMilliseconds},
    {"publication to workers, worst", "publish_to_acknowledge_ms.max", F::kMilliseconds},
    {"decision to workers", "decision_to_acknowledge_ms.mean", F::kMilliseconds},
    {"decision to workers, worst", "decision_to_acknowledge_ms.max", F::kMilliseconds},
    {"gate interface", "gate.interface"},
    {"gate mode", "gate.mode"},
    {"gate forwards", "gate.forwards"},
    {"gate forwards for workers", "gate.forwards_for"},
    {"gate packets", "gate.packets", F::kCount},
    {"takeovers, data plane gone", "gate.takeovers_gone", F::kCount},
    {"takeovers, data plane stuck", "gate.takeovers_stale", F::kCount},
    {"packets lost in sockets", "gate.lost_in_socket", F::kCount},
    {"data plane's end seen late", "gate.blind_to_exits"},
    {"gate sends to, IPv4", "gate.gateway4"},
    {"gate sends to, IPv6", "gate.gateway6"},
    {"gate MTU", "gate.mtu", F::kNumber},
    {"gate error", "gate.error"},
    {"reloads refused", "reloads.refused", F::kCount},
    {"last reload refused", "reloads.error"},
    {"last error", "error"},
    {"revisions are not kept", "history_error"},
    {"decisions are not kept", "decisions_error"},
};
// Of fairlead-agent.
constexpr Column kAgent[] = {
    {"backend", "backend"},
    {"version", "version"},
    {"uptime", "uptime_s", F::kSeconds},
    {"interface", "interface"},
    {"decapsulation", "mode"},
    {"leaving", "leaving", F::kWord},
    {"cpu", "load.cpu_utilization", F::kPercent},
    {"memory", "load.mem_utilization", F::kPercent},
    {"active connections", "load.active_connections", F::kCount},
    {"capacity", "load.capacity", F::kCount},
    {"requests a second", "load.rps_fractional", F::kDecimal},
    {"mean latency", "load.mean_latency_us", F::kMicroseconds},
    {"load URL, answers", "url.answers", F::kCount},
    {"load URL, failures", "url.failures", F::kCount},
};
constexpr Column kAgentVips[] = {
    {"VIP", "address"},
    {"PROTOCOL", "protocol"},
    {"PORT", "port", F::kNumber},
};
constexpr Column kAgentReports[] = {
    {"REPORTS TO", "to"},
    {"CONNECTED", "connected", F::kWord},
    {"SENT", "sent", F::kCount},
    {"STREAMS", "streams", F::kCount},
    {"LAST ERROR", "last_error.what"},
    {"AGO", "last_error.age_s", F::kSeconds},
    {"OVER", "last_error.recovered", F::kWord},
};

}  // namespace

Page status_page(const Json& result) {
  if (!result.contains("backend")) {
    Page page{{list_of(result, kStatus)}};
    add_fleet(result, page);
    return page;
  }
  return {
      {list_of(result, kAgent),
       table_of(rows(result, "vips"), kAgentVips),
       table_of(rows(result, "reports"), kAgentReports)}};
}

}  // namespace fairlead::cli
