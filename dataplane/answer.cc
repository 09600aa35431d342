// SPDX-License-Identifier: BSD-3-Clause
// The console's commands.
#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include <rte_malloc.h>
#include <rte_mempool.h>

#include "dataplane/balance.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/forward.hh"
#include "dataplane/numa.hh"
#include "dataplane/shm/huge_pages.hh"
#include "dataplane/sys/log.hh"
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
      {"workers", f.crew ? f.crew->running() : 0},
      {"workers_max", f.config.workers.most},
      {"generation", f.table.generation()}};
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
  return {
      {"name", name},
      {"path", region.path()},
      {"bytes", region.bytes()},
      {"huge_bytes", shm::huge_bytes_at(region.data())}};
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

/// Whether each of `count` workers, of whom there are `before` now, would have a queue.
base::Result<void> check_queues(const Forwarder& f, unsigned count, unsigned before) {
  unsigned queues = 0;
  for (const auto& station : f.stations) queues = std::max(queues, station->port.queues());
  if (count <= queues || count <= before) return {};
  return base::fail(
      base::ErrorCode::kFailedPrecondition,
      "no port has more than " + std::to_string(queues) + " queue(s), so worker " +
          std::to_string(queues) +
          " would have nothing to do; give the interface more queues (ethtool -L) and restart"
  );
}

// At rest it stays at rest: only `start forwarding` ends that. As in testpmd, the number counts
// then.
base::Result<json> set_worker(Forwarder& f, const json& arguments) {
  const auto count = arguments["count"].get<unsigned>();
  const bool resting = f.crew->running() == 0;
  const unsigned before = resting ? f.workers_resting : f.crew->running();
  FL_TRY(f.crew->check_count(count));
  FL_TRY(check_queues(f, count, before));
  if (resting) {
    f.workers_resting = count;
    return json{{"workers", count}, {"before", before}, {"forwarding", false}};
  }
  FL_TRY(f.crew->arrange(f.stations, count));
  sys::log_info(
      "workers changed by command from=" + std::to_string(before) + " to=" + std::to_string(count)
  );
  return json{{"workers", count}, {"before", before}};
}

base::Result<json> stop_forwarding(Forwarder& f, const json&) {
  const unsigned before = f.crew->running();
  if (before == 0) {
    return base::fail(
        base::ErrorCode::kFailedPrecondition, "no worker runs; start lets them serve again"
    );
  }
  f.crew->rest(f.stations);
  f.workers_resting = before;
  sys::log_info("forwarding stopped by command workers=" + std::to_string(before));
  FL_ASSIGN(json out, show_port(f, json::object()));
  fl_worker_page sum{};
  std::uint64_t dropped = 0;
  for (unsigned w = 0; w < f.crew->known(); ++w) {
    const fl_worker_page& page = f.crew->worker(w).page();
    sum.rx_packets += page.rx_packets;
    sum.rx_bytes += page.rx_bytes;
    sum.tx_packets += page.tx_packets;
    sum.tx_bytes += page.tx_bytes;
    sum.punted += page.punted;
    sum.answered += page.answered;
    for (const std::uint64_t count : page.drops) dropped += count;
  }
  out["total"] = {
      {"rx_packets", sum.rx_packets},
      {"rx_bytes", sum.rx_bytes},
      {"tx_packets", sum.tx_packets},
      {"tx_bytes", sum.tx_bytes},
      {"punted", sum.punted},
      {"answered", sum.answered},
      {"dropped", dropped}};
  out["forwarding"] = false;
  out["workers"] = before;
  return out;
}

base::Result<json> start_forwarding(Forwarder& f, const json&) {
  if (f.crew->running() != 0) {
    return base::fail(
        base::ErrorCode::kFailedPrecondition,
        std::to_string(f.crew->running()) + " workers run already; set worker count changes that"
    );
  }
  FL_TRY(f.crew->arrange(f.stations, f.workers_resting));
  sys::log_info("forwarding started by command workers=" + std::to_string(f.workers_resting));
  return json{{"forwarding", true}, {"workers", f.workers_resting}};
}

base::Result<json> set_log(Forwarder&, const json& arguments) {
  const auto level = arguments["level"].get<std::string>();
  const std::string module = arguments.value("module", "");
  FL_TRY(sys::set_log(level, module));
  json out{{"level", level}};
  if (!module.empty()) out["module"] = module;
  return out;
}

base::Result<json> plug_port(Forwarder& f, const json& arguments) {
  model::Port port;
  port.device = arguments["device"].get<std::string>();
  port.punt_tap = arguments.value("punt_tap", "");
  if (!port.punt_tap.empty()) {
    return base::invalid("punt_tap: a tap needs a restart; put the port into the configuration");
  }
  if (arguments.contains("gateway")) {
    const auto address = net::IpAddr::parse(arguments["gateway"].get<std::string>());
    if (!address) return base::invalid("gateway: not an address; write 192.0.2.1 or 2001:db8::1");
    (address->is_v4() ? port.gateway : port.gateway6) = *address;
  }
  FL_ASSIGN(const unsigned number, add_port(f, port));
  return json{{"port", number}};
}

base::Result<json> unplug_port(Forwarder& f, const json& arguments) {
  const auto number = arguments["port"].get<unsigned>();
  FL_TRY(remove_port(f, number));
  return json{{"removed", number}};
}

/// Arguments of one command: those it must have and those it may, with their JSON type.
struct Form {
  std::string_view command;
  std::map<std::string, json::value_t> must;
  std::map<std::string, json::value_t> may;
  base::Result<json> (*answer)(Forwarder& f, const json& arguments);
};

const std::vector<Form>& forms() {
  constexpr auto kNumber = json::value_t::number_unsigned;
  constexpr auto kText = json::value_t::string;
  static const std::vector<Form> all = {
      {"show status",
       {},
       {},
       [](Forwarder& f, const json&) { return base::Result<json>(show_status(f)); }},
      {"show port",
       {},
       {{"port", kNumber}, {"what", kText}},
       [](Forwarder& f, const json& arguments) { return show_port(f, arguments); }},
      {"clear stats", {}, {{"port", kNumber}}, clear_ports},
      {"show core",
       {},
       {{"worker", kNumber}},
       [](Forwarder& f, const json& arguments) { return show_core(f, arguments); }},
      {"show memory",
       {},
       {},
       [](Forwarder& f, const json&) { return base::Result<json>(show_memory(f)); }},
      {"set worker count", {{"count", kNumber}}, {}, set_worker},
      {"add port", {{"device", kText}}, {{"gateway", kText}, {"punt_tap", kText}}, plug_port},
      {"del port", {{"port", kNumber}}, {}, unplug_port},
      {"start forwarding", {}, {}, start_forwarding},
      {"stop forwarding", {}, {}, stop_forwarding},
      {"capture start",
       {{"file", kText}},
       {{"what", kText}, {"match", kText}, {"limit", kNumber}},
       start_capture},
      {"capture stop", {}, {}, stop_capture},
      {"show capture", {}, {}, show_capture},
      {"trace start", {{"count", kNumber}}, {{"match", kText}}, start_trace},
      {"trace stop", {}, {}, stop_capture},
      {"show trace", {}, {}, show_capture},
      {"set log", {{"level", kText}}, {{"module", kText}}, set_log},
      {"stop",
       {},
       {},
       [](Forwarder& f, const json&) {
         f.stop_asked = true;
         return base::Result<json>(json{{"stopping", true}});
       }},
  };
  return all;
}

base::Result<void> check(const Form& form, const json& arguments) {
  const std::string command(form.command);
  if (!arguments.is_object())
    return base::invalid(base::quoted(command) + ": arguments must be an object");
  for (const auto& [key, type] : form.must) {
    if (!arguments.contains(key))
      return base::invalid(base::quoted(command) + " needs '" + key + "'");
  }
  for (const auto& [key, value] : arguments.items()) {
    const auto must = form.must.find(key);
    const auto may = form.may.find(key);
    if (must == form.must.end() && may == form.may.end()) {
      return base::invalid(
          base::quoted(command) + " takes no " + base::quoted(key) + "; leave it out"
      );
    }
    const json::value_t type = must != form.must.end() ? must->second : may->second;
    const bool fits = value.type() == type && (type != json::value_t::number_unsigned ||
                                               value.get<std::uint64_t>() < 65536);
    if (fits) continue;
    return base::invalid(
        base::quoted(command) + ": '" + key + "' must be " +
        (type == json::value_t::string ? "a string" : "a whole number from 0 to 65535")
    );
  }
  return {};
}

}  // namespace

base::Result<json> answer(Forwarder& f, const std::string& command, const json& arguments) {
  std::string known;
  for (const Form& form : forms()) {
    known += (known.empty() ? "" : ", ") + std::string(form.command);
    if (form.command != command) continue;
    FL_TRY(check(form, arguments));
    sys::log_debug("asked: " + command);
    return form.answer(f, arguments);
  }
  return base::invalid("no command " + base::quoted(command) + " here; known: " + known);
}

}  // namespace fairlead::dataplane
