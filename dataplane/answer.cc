// SPDX-License-Identifier: BSD-3-Clause
// The console's commands.
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mempool.h>

#include "dataplane/device.hh"
#include "dataplane/forward.hh"
#include "dataplane/sys/system_clock.hh"

// Weak: a sanitizer build has no jemalloc.
extern "C" [[gnu::weak]] int mallctl(
    const char* name,
    void* old_value,
    std::size_t* old_bytes,
    void* new_value,
    std::size_t new_bytes
);

namespace fairlead::dataplane {
namespace {

using nlohmann::json;

json show_status(const Forwarder& f) {
  return {
      {"node", f.config.node.id},
      {"version", FL_VERSION},
      {"pid", ::getpid()},
      {"uptime_s", (sys::monotonic_ns() - f.started) / base::kSecond},
      {"workers", f.workers.size()},
      {"generation", f.table.generation()}};
}

json show_port(const Forwarder& f) {
  json ports = json::array();
  for (std::size_t i = 0; i < f.stations.size(); ++i) {
    const Station& station = *f.stations[i];
    rte_eth_stats sum{};
    bool up = true;
    for (const std::uint16_t ethdev : station.port.ethdevs()) {
      rte_eth_stats one{};
      rte_eth_link link{};
      if (rte_eth_stats_get(ethdev, &one) != 0) continue;
      up = up && rte_eth_link_get_nowait(ethdev, &link) == 0 && link.link_status != 0;
      sum.ipackets += one.ipackets;
      sum.ibytes += one.ibytes;
      sum.opackets += one.opackets;
      sum.obytes += one.obytes;
      sum.imissed += one.imissed;
      sum.ierrors += one.ierrors + one.oerrors;
      sum.rx_nombuf += one.rx_nombuf;
    }
    const net::MacAddr& gateway = station.neighbours->gateway_mac();
    ports.push_back({
        {"port", i},
        {"device", station.port.device()},
        {"driver", station.port.driver()},
        {"mac", station.port.mac().to_string()},
        {"mtu", station.port.mtu()},
        {"link", up ? "up" : "down"},
        {"queues", f.workers.size()},
        {"rx_packets", sum.ipackets},
        {"rx_bytes", sum.ibytes},
        {"tx_packets", sum.opackets},
        {"tx_bytes", sum.obytes},
        {"missed", sum.imissed},
        {"errors", sum.ierrors},
        {"no_mbuf", sum.rx_nombuf},
        {"gateway_mac", gateway.is_zero() ? json(nullptr) : json(gateway.to_string())},
    });
  }
  return {{"ports", ports}};
}

json show_core(const Forwarder& f) {
  json cores = json::array();
  for (std::size_t w = 0; w < f.workers.size(); ++w) {
    const fl_worker_page& page = f.workers[w]->page();
    const Pulse& pulse = f.pulses[w];
    for (std::size_t p = 0; p < f.stations.size(); ++p) {
      cores.push_back({
          {"worker", w},
          {"core", page.core},
          {"role", "worker"},
          {"port", p},
          {"queue", f.stations[p]->port.queue(static_cast<unsigned>(w)).queue},
          {"busy", pulse.busy_share},
          {"pps", pulse.pps},
          {"cycles_per_packet", pulse.cycles_per_packet},
          {"flows", page.flows},
          {"generation", page.ack},
      });
    }
  }
  return {{"cores", cores}};
}

std::size_t jemalloc_figure(const char* name) {
  std::size_t value = 0;
  std::size_t size = sizeof value;
  return mallctl(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}

json allocator() {
  if (mallctl == nullptr) return {{"allocator", "libc"}, {"allocator_version", ""}};
  std::uint64_t epoch = 1;  // refreshes the statistics
  mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch);
  const char* version = "";
  std::size_t size = sizeof version;
  mallctl("version", &version, &size, nullptr, 0);
  return {
      {"allocator", "jemalloc"},
      {"allocator_version", version},
      {"allocated_bytes", jemalloc_figure("stats.allocated")},
      {"resident_bytes", jemalloc_figure("stats.resident")}};
}

json region_row(const std::string& name, const shm::Region& region) {
  return {{"name", name}, {"path", region.path()}, {"bytes", region.bytes()}};
}

json show_memory(const Forwarder& f) {
  json regions = json::array();
  regions.push_back(region_row("steering", f.regions.steering.back()));
  regions.push_back(region_row("scores", f.regions.scores));
  regions.push_back(region_row("workers", f.regions.workers));
  for (std::size_t i = 0; i < f.regions.flows.size(); ++i) {
    regions.push_back(region_row("flows." + std::to_string(i), f.regions.flows[i]));
  }
  json pools = json::array();
  rte_mempool_walk(
      [](rte_mempool* pool, void* out) {
        const std::uint64_t item = pool->elt_size + pool->header_size + pool->trailer_size;
        static_cast<json*>(out)->push_back({
            {"name", pool->name},
            {"size", pool->size},
            {"in_use", rte_mempool_in_use_count(pool)},
            {"bytes", pool->size * item},
        });
      },
      &pools
  );
  rte_malloc_socket_stats heap{};
  rte_malloc_get_socket_stats(0, &heap);
  json memory = allocator();
  memory["regions"] = std::move(regions);
  memory["pools"] = std::move(pools);
  memory["hugepages_bytes"] = rte_eal_has_hugepages() != 0 ? heap.heap_totalsz_bytes : 0;
  return memory;
}

}  // namespace

base::Result<json> answer(Forwarder& f, const std::string& command, const json& arguments) {
  if (!arguments.is_object() || !arguments.empty()) {
    return base::invalid("'" + command + "' takes no arguments; leave them out");
  }
  if (command == "show status") return show_status(f);
  if (command == "show port") return show_port(f);
  if (command == "show core") return show_core(f);
  if (command == "show memory") return show_memory(f);
  if (command == "stop") {
    f.stop_asked = true;
    return json{{"stopping", true}};
  }
  return base::invalid(
      "no command '" + command +
      "' here; known: show status, show port, show core, show memory, stop"
  );
}

}  // namespace fairlead::dataplane
