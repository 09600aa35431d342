// SPDX-License-Identifier: BSD-3-Clause
// What the console says of ports: summary, and one port's stats, xstats and info as in testpmd.
#include <algorithm>
#include <vector>

#include <rte_ethdev.h>

#include "dataplane/forward.hh"
#include "dataplane/steer/handover.h"

namespace fairlead::dataplane {
namespace {

using nlohmann::json;

json summary(const Forwarder& f, const Station& station) {
  const PortCounters sum = counters_of(station);
  const net::MacAddr& gateway = station.neighbours->gateway_mac();
  return {
      {"port", station.number},
      {"device", station.port.device()},
      {"driver", station.port.driver()},
      {"mac", station.port.mac().to_string()},
      {"mtu", station.port.mtu()},
      {"link", sum.present ? (sum.link_up ? "up" : "down") : "gone"},
      {"queues", station.port.queues()},
      {"steering", to_string(station.port.steering())},
      {"forwards", who_forwards(f, station.owners)},
      {"rx_packets", sum.rx_packets},
      {"rx_bytes", sum.rx_bytes},
      {"tx_packets", sum.tx_packets},
      {"tx_bytes", sum.tx_bytes},
      {"missed", sum.missed},
      {"errors", sum.errors},
      {"no_mbuf", sum.no_buffer},
      {"stalls", station.watch.stalls()},
      {"link_changes", station.watch.link_changes()},
      {"gateway_mac", gateway.is_zero() ? json(nullptr) : json(gateway.to_string())},
  };
}

json stats(const Forwarder& f, const Station& station) {
  json row = summary(f, station);
  row["missing_pps"] = station.watch.missing();
  row["owners"] = station.owners;
  json queues = json::array();
  for (const std::uint16_t ethdev : station.port.ethdevs()) {
    rte_eth_stats one{};
    if (rte_eth_stats_get(ethdev, &one) != 0) continue;
    rte_eth_dev_info info{};
    (void)rte_eth_dev_info_get(ethdev, &info);
    const unsigned shown = std::min<unsigned>(info.nb_rx_queues, RTE_ETHDEV_QUEUE_STAT_CNTRS);
    for (unsigned q = 0; q < shown && queues.size() < station.owners.size(); ++q) {
      queues.push_back({
          {"queue", queues.size()},
          {"worker", station.owners[queues.size()]},
          {"rx_packets", one.q_ipackets[q]},
          {"rx_bytes", one.q_ibytes[q]},
          {"tx_packets", one.q_opackets[q]},
          {"tx_bytes", one.q_obytes[q]},
          {"errors", one.q_errors[q]},
      });
    }
  }
  row["queue_stats"] = std::move(queues);
  return row;
}

// Zero rows say nothing, and a NIC has hundreds.
json xstats(const Station& station) {
  json rows = json::array();
  for (const std::uint16_t ethdev : station.port.ethdevs()) {
    const int count = rte_eth_xstats_get_names(ethdev, nullptr, 0);
    if (count <= 0) continue;
    std::vector<rte_eth_xstat_name> names(static_cast<std::size_t>(count));
    std::vector<rte_eth_xstat> values(names.size());
    const auto size = static_cast<unsigned>(count);
    if (rte_eth_xstats_get_names(ethdev, names.data(), size) != count ||
        rte_eth_xstats_get(ethdev, values.data(), size) != count) {
      continue;
    }
    for (const rte_eth_xstat& value : values) {
      if (value.value == 0 || value.id >= names.size()) continue;
      rows.push_back({{"ethdev", ethdev}, {"name", names[value.id].name}, {"value", value.value}});
    }
  }
  return {{"port", station.number}, {"xstats", std::move(rows)}};
}

json info(const Forwarder& f, const Station& station) {
  const Port& port = station.port;
  rte_eth_dev_info info{};
  (void)rte_eth_dev_info_get(port.ethdevs().front(), &info);
  rte_eth_link link{};
  (void)rte_eth_link_get_nowait(port.ethdevs().front(), &link);
  const FlowRules& rules = port.rules();
  json row = summary(f, station);
  row["socket"] = port.socket();
  row["speed_mbps"] =
      link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? json(nullptr) : json(link.link_speed);
  row["rx_descriptors"] = port.sizes().rx_descriptors;
  row["tx_descriptors"] = port.sizes().tx_descriptors;
  row["buffers_per_queue"] = port.sizes().buffers;
  row["max_rx_queues"] = info.max_rx_queues;
  row["max_tx_queues"] = info.max_tx_queues;
  row["rss"] = describe(port.rss());
  row["checksums"] = describe(port.checksums());
  row["indirection_entries"] = port.table().size();
  row["kept_table_because"] = port.kept_table_because();
  row["owners"] = station.owners;
  row["rules"] = rules.count();
  row["rules_mark"] = rules.marks();
  row["rule_packets"] = rules.packets();
  row["no_rules_because"] = rules.why();
  row["rules_stuck"] = rules.stuck();
  row["rx_offloads"] = info.rx_offload_capa;
  row["tx_offloads"] = info.tx_offload_capa;
  return row;
}

}  // namespace

std::string who_forwards(const Forwarder& f, const std::vector<unsigned>& workers) {
  bool we = false;
  bool others = workers.empty();
  for (const unsigned w : workers) {
    const fl_sign& sign = *fl_sign_of(&f.regions.workers.at<fl_workers>(0)->worker[w]);
    const std::uint32_t owner = __atomic_load_n(&sign.owner, __ATOMIC_ACQUIRE);
    (owner == FL_OWNER_DATAPLANE ? we : others) = true;
  }
  const std::string them = f.regions.workers.is_map() ? "gate" : "nobody";
  if (!we) return them;
  return others ? "workers and " + them : "workers";
}

base::Result<json> show_port(const Forwarder& f, const json& arguments) {
  const bool one = arguments.contains("port");
  const std::string what = arguments.value("what", "");
  json rows = json::array();
  for (const auto& station : f.stations) {
    if (one && station->number != arguments["port"].get<unsigned>()) continue;
    if (what.empty()) rows.push_back(summary(f, *station));
    if (what == "stats") rows.push_back(stats(f, *station));
    if (what == "xstats") rows.push_back(xstats(*station));
    if (what == "info") rows.push_back(info(f, *station));
  }
  if (one && rows.empty()) {
    return base::fail(
        base::ErrorCode::kNotFound,
        "no port " + std::to_string(arguments["port"].get<unsigned>()) + "; see show port"
    );
  }
  return json{{"ports", std::move(rows)}};
}

}  // namespace fairlead::dataplane
