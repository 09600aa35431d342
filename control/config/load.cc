// SPDX-License-Identifier: BSD-3-Clause
// The whole file, section by section, in the order of docs/configuration.md.
#include "control/config/load.hh"

#include <algorithm>
#include <set>
#include <utility>

#include "control/config/config.hh"
#include "control/config/load_api.hh"
#include "control/config/load_fleet.hh"
#include "control/config/load_monitoring.hh"
#include "control/config/load_outgoing.hh"
#include "control/config/load_routes.hh"
#include "control/config/load_simulation.hh"
#include "control/config/load_vips.hh"
#include "control/config/section.hh"
#include "control/config/units.hh"
#include "control/model/names.hh"
#include "control/model/table_sizes.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/sys/input_file.hh"

namespace fairlead::config {
namespace {

using base::kMicrosecond;
using base::kMillisecond;
using base::kSecond;

constexpr std::size_t kMostFileBytes = 64ULL << 20;
void load_node(const Section& s, Config& c) {
  c.node.id = s.name("id", "lb1");
  c.node.address = s.routed_address("address");
  c.node.address6 = s.routed_address("address6");
  if (c.node.address && !c.node.address->is_v4()) {
    s.error("address", c.node.address->to_string() + " is IPv6, write it as address6");
  }
  if (c.node.address6 && c.node.address6->is_v4()) {
    s.error("address6", c.node.address6->to_string() + " is IPv4, write it as address");
  }
  c.runtime_dir = s.text("runtime_dir", "/run/fairlead/" + c.node.id);
  if (c.runtime_dir.front() != '/' || c.runtime_dir.size() < 2 || c.runtime_dir.size() > 80) {
    s.error(
        "runtime_dir",
        "must be a folder below '/' and have at most 80 characters (sockets live in it)"
    );
  }
  c.interface = s.interface("interface");
  c.interface_at = c.file + ":" + std::to_string(s.line_of("interface")) + ": node.interface";
}

// The interface of "net_af_xdp0,iface=eth0,start_queue=0"; "" for other devices.
std::string af_xdp_interface(std::string_view device) {
  constexpr std::string_view kKey = ",iface=";
  if (device.substr(0, 10) != "net_af_xdp") return "";
  const auto at = device.find(kKey);
  if (at == std::string_view::npos) return "";
  const auto rest = device.substr(at + kKey.size());
  return std::string(rest.substr(0, rest.find(',')));
}

void load_ports(const Section& root, Config& c, Diagnosis& diagnosis) {
  static constexpr std::string_view kChecksums[] = {"software", "auto"};
  const auto items = root.list("ports");
  std::set<std::string> devices;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Section s(
        &items[i],
        items[i].line,
        "ports[" + std::to_string(i) + "]",
        {"device", "gateway_mac", "gateway", "gateway6", "punt_tap", "checksums", "mtu"},
        diagnosis
    );
    model::Port port;
    if (s.require("device", "device: \"net_af_xdp0,iface=eth0\""))
      port.device = s.text("device", "");
    if (!port.device.empty() && !devices.insert(port.device).second) {
      s.error("device", base::quoted(port.device) + " is listed twice, remove one");
    }
    if (port.device.substr(0, 10) == "net_af_xdp" && af_xdp_interface(port.device).empty()) {
      s.error(
          "device",
          "an AF_XDP port needs its interface, write for example "
          "\"net_af_xdp0,iface=eth0\""
      );
    }
    port.gateway_mac = s.mac("gateway_mac");
    port.gateway = s.address("gateway");
    port.gateway6 = s.address("gateway6");
    if (port.gateway && !port.gateway->is_v4()) {
      s.error("gateway", port.gateway->to_string() + " is IPv6, write it as gateway6");
    }
    if (port.gateway6 && port.gateway6->is_v4()) {
      s.error("gateway6", port.gateway6->to_string() + " is IPv4, write it as gateway");
    }
    port.punt_tap = s.text("punt_tap", "");
    if (port.punt_tap.size() > 15 || port.punt_tap.find_first_of("/ ,") != std::string::npos) {
      s.error(
          "punt_tap", base::quoted(port.punt_tap) + " is no interface name, use up to 15 letters"
      );
    }
    if (!port.punt_tap.empty() && (port.device.substr(0, 10) == "net_af_xdp" ||
                                   port.device.substr(0, 13) == "net_af_packet")) {
      s.error("punt_tap", "the kernel has this port's interface already, remove punt_tap");
    }
    port.checksums = static_cast<model::Checksums>(s.word("checksums", kChecksums, 0));
    const auto mtu = s.whole("mtu", {model::kLeastMtu, model::kLargestPortMtu}, 1500);
    if (s.has("mtu")) {
      port.mtu = static_cast<std::uint32_t>(mtu);
      if (port.device.substr(0, 10) == "net_af_xdp") {
        s.error(
            "mtu",
            "the kernel has this port's interface, remove mtu and say it there: ip link set dev " +
                af_xdp_interface(port.device) + " mtu " + std::to_string(port.mtu)
        );
      }
    }
    if (c.interface.empty()) {
      c.interface = af_xdp_interface(port.device);
      c.interface_at = c.file + ":" + std::to_string(s.line_of("device")) + ": ports[" +
                       std::to_string(i) + "].device";
    }
    c.ports.push_back(std::move(port));
  }
}

void load_workers(const Section& s, Config& c) {
  const auto cores = s.list("cores");
  const auto count = s.whole("count", {1, FL_MAX_WORKERS}, cores.empty() ? 1 : cores.size());
  c.workers.count = static_cast<std::uint32_t>(count);
  c.workers.most = static_cast<std::uint32_t>(s.whole("max", {1, FL_MAX_WORKERS}, count));
  if (c.workers.most < count) s.error("max", "is less than count, raise it or leave it out");
  for (const Value& v : cores) {
    const auto core =
        v.kind == Value::Kind::kScalar ? parse_whole(v.text) : std::optional<std::uint64_t>();
    if (!core || *core > 1023) s.error("cores", "each core is a whole number, 0 to 1023");
    c.workers.cores.push_back(static_cast<std::uint32_t>(core.value_or(0)));
  }
  for (std::size_t i = 1; i < std::min<std::size_t>(count, c.workers.cores.size()); ++i) {
    const auto before = c.workers.cores.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(c.workers.cores.begin(), before, *before) == before) continue;
    s.warn("cores", "names core " + std::to_string(*before) + " twice: its workers share it");
    break;
  }
  if (cores.empty()) {
    for (std::uint32_t i = 0; i < c.workers.count; ++i) c.workers.cores.push_back(i);
  } else if (cores.size() < count || cores.size() > c.workers.most) {
    s.error(
        "cores",
        "lists " + std::to_string(cores.size()) + " for " + std::to_string(count) +
            " workers, list one core for each (a core may repeat)"
    );
  }
  const Section idle = s.section("idle", {"empty_polls", "sleep", "sleep_max"});
  Idle& i = c.workers.idle;
  i.empty_polls =
      static_cast<std::uint32_t>(idle.whole("empty_polls", {0, 1'000'000}, i.empty_polls));
  i.sleep = idle.duration("sleep", {kMicrosecond, 10 * kMillisecond}, i.sleep);
  i.sleep_max =
      idle.duration("sleep_max", {kMicrosecond, 10 * kMillisecond}, std::max(i.sleep, i.sleep_max));
  if (i.sleep_max < i.sleep) idle.error("sleep_max", "is shorter than sleep, raise it");
}

void load_memory(const Section& s, Config& c) {
  static constexpr std::string_view kModes[] = {"auto", "on", "off"};
  c.memory.hugepages = static_cast<Hugepages>(s.word("hugepages", kModes, 0));
  c.memory.steering_bank =
      s.bytes("steering_bank", {64ULL << 10, 1ULL << 30}, c.memory.steering_bank);
  if (c.memory.steering_bank % 4096 != 0) {
    s.error("steering_bank", "must be a multiple of 4KiB, for example 16MiB");
  }
  c.memory.flows_per_worker =
      s.count("flows_per_worker", {1024, 1'000'000'000}, c.memory.flows_per_worker);
}

void load_flows(const Section& s, Config& c) {
  constexpr Range kIdle{kSecond, 4 * 3600 * kSecond};  // ticks of flow entries wrap after 4.5 h
  c.flows.idle_new = s.duration("idle_new", kIdle, c.flows.idle_new);
  c.flows.idle_confirmed = s.duration("idle_confirmed", kIdle, c.flows.idle_confirmed);
  c.flows.idle_closing = s.duration("idle_closing", kIdle, c.flows.idle_closing);
  c.flows.idle_reset = s.duration("idle_reset", kIdle, c.flows.idle_reset);
  c.flows.idle_adopted = s.duration("idle_adopted", kIdle, c.flows.idle_adopted);
  c.flows.idle_udp = s.duration("idle_udp", kIdle, c.flows.idle_udp);
  c.flows.idle_udp_new = s.duration("idle_udp_new", kIdle, c.flows.idle_udp_new);
  c.flows.new_flow_limit = static_cast<std::uint32_t>(
      s.count("new_flow_limit", {100, 1'000'000'000}, c.flows.new_flow_limit)
  );
}

void load_rails(const Section& s, Rails& rails) {
  constexpr double kOff = -1e-9;  // Section::real() wants values above its first bound
  rails.dead_band = s.real("dead_band", kOff, 0.5, rails.dead_band);
  rails.max_step = s.real("max_step", kOff, 1, rails.max_step);
  rails.floor = s.real("floor", kOff, 1, rails.floor);
  rails.ceiling = s.real("ceiling", kOff, 100, rails.ceiling);
  rails.max_moved = s.real("max_moved", kOff, 1, rails.max_moved);
  constexpr Range kWithin{100 * kMillisecond, 24 * 3600 * kSecond};
  rails.moved_within = s.duration("moved_within", kWithin, rails.moved_within);
  if (rails.ceiling > 0 && rails.ceiling < 1)
    s.error("ceiling", "is below the configured share, use 0 (off) or 1 and more");
}

void load_services(const Section& root, Config& c) {
  c.monitoring = load_monitoring(root);

  const Section policy = root.section("policy", {"name", "learning", "log", "rails"});
  c.policy = static_cast<model::PolicyName>(
      policy.word("name", model::kPolicyNames, static_cast<std::size_t>(c.policy))
  );
  static constexpr std::string_view kLearning[] = {"off", "shadow", "on"};
  c.learning =
      static_cast<Learning>(policy.word("learning", kLearning, static_cast<std::size_t>(c.learning))
      );
  load_rails(
      policy.section(
          "rails", {"dead_band", "max_step", "floor", "ceiling", "max_moved", "moved_within"}
      ),
      c.rails
  );
  c.policy_log = policy.text("log", "off");
  if (c.policy_log == "off") {
    c.policy_log.clear();
  } else if (c.policy_log.front() != '/') {
    policy.error("log", "must be a path that begins with '/', or off");
  }
  const Section metrics = root.section("metrics", {"listen"});
  c.metrics_listen = metrics.listen("listen", c.metrics_listen);
  if (!c.metrics_listen.empty() && c.metrics_listen == c.monitoring.listen) {
    metrics.error("listen", c.metrics_listen + " is monitoring.listen too, use another port");
  }
  const Section log = root.section("decision_log", {"file"});
  c.decision_log = log.text("file", c.runtime_dir + "/decisions.csv");
  if (c.decision_log == "off") {
    c.decision_log.clear();
  } else if (c.decision_log.front() != '/') {
    log.error("file", "must be a path that begins with '/', or off");
  }
}

void load_changes(const Section& s, Config& c) {
  static constexpr std::string_view kSwitch[] = {"off", "on"};
  c.changes.directory = s.text("directory", c.runtime_dir + "/changes");
  if (c.changes.directory.front() != '/' || c.changes.directory.size() < 2) {
    s.error("directory", "must be a folder below '/', revisions are kept in it");
  }
  c.changes.history = static_cast<std::uint32_t>(s.whole("history", {2, 1000}, c.changes.history));
  c.changes.watch = s.word("watch", kSwitch, 0) == 1;
}

/// Enough for a generation of these vips in a bank.
std::uint64_t bank_bytes_for(const std::vector<model::Vip>& vips) {
  constexpr std::uint64_t kHead = 2ULL << 20;  // header, index of vips, names, lines cut off
  constexpr std::uint64_t kVip = 64;
  constexpr std::uint64_t kMember = 64 + 4;      // its record, and as an earlier owner
  constexpr std::uint64_t kQuicServer = 4 * 32;  // the index is at least half empty
  std::uint64_t bytes = kHead;
  for (const model::Vip& vip : vips) {
    const std::size_t backends = vip.backends.size();
    const std::uint32_t slots =
        vip.table_size != 0 ? vip.table_size : model::default_table_size(backends);
    bytes += kVip + slots * sizeof(std::uint32_t) +
             backends * (kMember + (vip.quic.empty() ? 0 : kQuicServer));
  }
  return bytes;
}

/// A bank that nobody sized has room for the vips that there are.
void size_bank(const Section& memory, Config& c) {
  if (memory.has("steering_bank")) return;
  constexpr std::uint64_t kMost = 1ULL << 30;
  const std::uint64_t needed = bank_bytes_for(c.vips);
  while (c.memory.steering_bank < needed && c.memory.steering_bank < kMost)
    c.memory.steering_bank *= 2;
}

base::Result<Config> read_all(
    const std::string& text, const std::string& name, Purpose purpose, KeyRecords* records
) {
  FL_ASSIGN(const Value tree, parse_yaml(text, name));
  Diagnosis diagnosis(name, records);
  const Section root(
      &tree,
      1,
      "",
      {"node",
       "ports",
       "workers",
       "memory",
       "fleet",
       "flows",
       "tunnel",
       "icmp",
       "vips",
       "health",
       "monitoring",
       "policy",
       "metrics",
       "decision_log",
       "changes",
       "api",
       "routes",
       "simulation"},
      diagnosis
  );
  Config c;
  c.file = name;
  c.text = text;
  load_node(root.section("node", {"id", "address", "address6", "runtime_dir", "interface"}), c);
  load_ports(root, c, diagnosis);
  load_workers(root.section("workers", {"count", "max", "cores", "idle"}), c);
  const Section memory = root.section("memory", {"hugepages", "steering_bank", "flows_per_worker"});
  load_memory(memory, c);
  c.fleet = load_fleet(root);
  load_flows(
      root.section(
          "flows",
          {"idle_new",
           "idle_confirmed",
           "idle_closing",
           "idle_reset",
           "idle_adopted",
           "idle_udp",
           "idle_udp_new",
           "new_flow_limit"}
      ),
      c
  );
  c.outgoing = load_outgoing(root);
  load_services(root, c);
  c.api = load_api(root, c.metrics_listen, c.monitoring.listen);
  c.routes = load_routes(root);
  load_changes(root.section("changes", {"directory", "history", "watch"}), c);
  load_simulation(root, c, diagnosis);
  c.vips = load_vips(root, c, purpose, diagnosis);
  size_bank(memory, c);
  if (!diagnosis.first_error().empty()) return base::invalid(diagnosis.first_error());
  c.warnings = diagnosis.take_warnings();
  return c;
}

}  // namespace

base::Result<Config> parse_config(
    const std::string& text, const std::string& name, Purpose purpose
) {
  return read_all(text, name, purpose, nullptr);
}

base::Result<Config> parse_and_record(
    const std::string& text, const std::string& name, KeyRecords& records
) {
  return read_all(text, name, Purpose::kForward, &records);
}

base::Result<Config> load_config(const std::string& path, Purpose purpose) {
  FL_ASSIGN(const std::string text, sys::read_input(path, kMostFileBytes, "a YAML file"));
  return parse_config(text, path, purpose);
}

}  // namespace fairlead::config
