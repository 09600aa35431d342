// SPDX-License-Identifier: BSD-3-Clause
// What the console says of ports: summary, and one port's stats, xstats and info as in testpmd.
#include <algorithm>
#include <vector>

#include <rte_ethdev.h>

#include "dataplane/base/counter.hh"
#include "dataplane/forward.hh"
#include "dataplane/steer/handover.h"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::dataplane {
namespace {

using base::since;
using nlohmann::json;

PortCounters since_cleared(const Station& station) {
  PortCounters sum = counters_of(station);
  const PortCounters& then = station.cleared.sum;
  sum.rx_packets = since(sum.rx_packets, then.rx_packets);
  sum.rx_bytes = since(sum.rx_bytes, then.rx_bytes);
  sum.tx_packets = since(sum.tx_packets, then.tx_packets);
  sum.tx_bytes = since(sum.tx_bytes, then.tx_bytes);
  sum.missed = since(sum.missed, then.missed);
  sum.errors = since(sum.errors, then.errors);
  sum.no_buffer = since(sum.no_buffer, then.no_buffer);
  return sum;
}

void add_cleared(const Station& station, json& row) {
  if (station.cleared.taken != 0)
    row["cleared_s"] = static_cast<double>(sys::monotonic_ns() - station.cleared.taken) / 1e9;
}

json summary(const Forwarder& f, const Station& station) {
  const PortCounters sum = since_cleared(station);
  const net::MacAddr& gateway = station.neighbours->gateway_mac();
  json row{
      {"port", station.number},
      {"device", station.port.device()},
      {"driver", station.port.driver()},
      {"mac", station.neighbours->own_mac().to_string()},
      {"mtu", station.neighbours->mtu()},
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
  add_cleared(station, row);
  return row;
}

json stats(const Forwarder& f, const Station& station) {
  json row = summary(f, station);
  row["missing_pps"] = station.watch.missing();
  row["owners"] = station.owners;
  json queues = json::array();
  for (const std::uint16_t ethdev : station.port.ethdevs()) {
    rte_eth_stats one{};
    if (rte_eth_stats_get(ethdev, &one) != 0) continue;
    const auto kept = station.cleared.devices.find(ethdev);
    const rte_eth_stats then =
        kept == station.cleared.devices.end() ? rte_eth_stats{} : kept->second;
    rte_eth_dev_info info{};
    (void)rte_eth_dev_info_get(ethdev, &info);
    const unsigned shown = std::min<unsigned>(info.nb_rx_queues, RTE_ETHDEV_QUEUE_STAT_CNTRS);
    for (unsigned q = 0; q < shown && queues.size() < station.owners.size(); ++q) {
      queues.push_back({
          {"queue", queues.size()},
          {"worker", station.owners[queues.size()]},
          {"rx_packets", since(one.q_ipackets[q], then.q_ipackets[q])},
          {"rx_bytes", since(one.q_ibytes[q], then.q_ibytes[q])},
          {"tx_packets", since(one.q_opackets[q], then.q_opackets[q])},
          {"tx_bytes", since(one.q_obytes[q], then.q_obytes[q])},
          {"errors", since(one.q_errors[q], then.q_errors[q])},
      });
    }
  }
  row["queue_stats"] = std::move(queues);
  return row;
}

struct Xstats {
  std::vector<rte_eth_xstat_name> names;
  std::vector<rte_eth_xstat> values;
};

Xstats xstats_of(std::uint16_t ethdev) {
  const int count = rte_eth_xstats_get_names(ethdev, nullptr, 0);
  if (count <= 0) return {};
  const auto size = static_cast<unsigned>(count);
  Xstats out{std::vector<rte_eth_xstat_name>(size), std::vector<rte_eth_xstat>(size)};
  const bool all = rte_eth_xstats_get_names(ethdev, out.names.data(), size) == count &&
                   rte_eth_xstats_get(ethdev, out.values.data(), size) == count;
  return all ? out : Xstats{};
}

// Zero rows say nothing, and a NIC has hundreds.
json xstats(const Station& station) {
  json rows = json::array();
  for (const std::uint16_t ethdev : station.port.ethdevs()) {
    const Xstats all = xstats_of(ethdev);
    for (const rte_eth_xstat& value : all.values) {
      const auto then = station.cleared.xstats.find({ethdev, value.id});
      const bool known = then != station.cleared.xstats.end();
      const std::uint64_t shown = since(value.value, known ? then->second : 0);
      if (shown == 0 || value.id >= all.names.size()) continue;
      rows.push_back({{"ethdev", ethdev}, {"name", all.names[value.id].name}, {"value", shown}});
    }
  }
  json out{{"port", station.number}, {"xstats", std::move(rows)}};
  add_cleared(station, out);
  return out;
}

PortBaseline baseline_of(const Station& station) {
  PortBaseline out;
  out.taken = sys::monotonic_ns();
  out.sum = counters_of(station);
  for (const std::uint16_t ethdev : station.port.ethdevs()) {
    if (rte_eth_stats_get(ethdev, &out.devices[ethdev]) != 0) out.devices.erase(ethdev);
    for (const rte_eth_xstat& value : xstats_of(ethdev).values)
      out.xstats[{ethdev, value.id}] = value.value;
  }
  return out;
}

tl::unexpected<base::Error> no_port(unsigned number) {
  return base::fail(
      base::ErrorCode::kNotFound, "no port " + std::to_string(number) + "; see show port"
  );
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
    others = others || w == kNobody;
    if (w == kNobody) continue;
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
  if (one && rows.empty()) return no_port(arguments["port"].get<unsigned>());
  return json{{"ports", std::move(rows)}};
}

base::Result<json> clear_ports(Forwarder& f, const json& arguments) {
  const bool one = arguments.contains("port");
  std::size_t cleared = 0;
  for (const auto& station : f.stations) {
    if (one && station->number != arguments["port"].get<unsigned>()) continue;
    station->cleared = baseline_of(*station);
    ++cleared;
  }
  if (one && cleared == 0) return no_port(arguments["port"].get<unsigned>());
  return json{{"ports", cleared}};
}

}  // namespace fairlead::dataplane
