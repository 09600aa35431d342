// SPDX-License-Identifier: BSD-3-Clause
// Reads the agent's YAML with the reader of control/config.
#include "ebpf/agent_config.hh"

#include <algorithm>
#include <array>
#include <string_view>

#include "control/config/section.hh"
#include "control/config/units.hh"
#include "control/config/yaml.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/sys/input_file.hh"

namespace fairlead::agent {
namespace {

using config::Diagnosis;
using config::Section;
using config::Value;

constexpr std::size_t kMostFileBytes = 1 << 20;
constexpr std::array<std::string_view, 2> kProtocols = {"tcp", "udp"};

std::string element(std::string_view key, std::size_t i) {
  return std::string(key) + "[" + std::to_string(i) + "]";
}

std::vector<ebpf::ServedVip> read_vips(const Section& root, Diagnosis& diagnosis) {
  std::vector<ebpf::ServedVip> vips;
  if (!root.require("vips", "vips: [{address: 203.0.113.10, protocol: tcp, port: 80}]"))
    return vips;
  const auto items = root.list("vips");
  if (items.empty()) root.error("vips", "is empty, name at least one vip that this host serves");
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string path = element("vips", i);
    const Section s(&items[i], items[i].line, path, {"address", "protocol", "port"}, diagnosis);
    s.require("address", "address: 203.0.113.10");
    s.require("port", "port: 80");
    ebpf::ServedVip vip;
    vip.prefix = s.vip("address").value_or(net::Prefix{});
    vip.protocol = s.word("protocol", kProtocols, 0) == 0 ? net::IpProto::kTcp : net::IpProto::kUdp;
    vip.port = static_cast<std::uint16_t>(s.whole("port", {0, 65535}, 0));
    if (std::find(vips.begin(), vips.end(), vip) != vips.end()) {
      diagnosis.error(items[i].line, path, "is there twice, remove one");
    }
    vips.push_back(vip);
  }
  return vips;
}

/// Outer sources under `key`: of nodes, or of the other backends.
std::vector<net::Prefix> read_sources(const Section& root, const char* key, Diagnosis& diagnosis) {
  std::vector<net::Prefix> sources;
  const auto items = root.list(key);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto prefix = net::Prefix::parse(items[i].text);
    if (items[i].kind != Value::Kind::kScalar || !prefix) {
      diagnosis.error(
          items[i].line,
          element(key, i),
          base::quoted(items[i].text) +
              " is not an address or prefix, use an outer source, for example 192.0.2.11"
      );
      continue;
    }
    if (prefix->length == 0) {
      diagnosis.error(
          items[i].line, element(key, i), "would trust every sender, name the hosts' own addresses"
      );
    }
    if (std::find(sources.begin(), sources.end(), *prefix) != sources.end()) {
      diagnosis.error(items[i].line, element(key, i), "is there twice, remove one");
    }
    sources.push_back(*prefix);
  }
  return sources;
}

/// "[2001:db8::1]".
bool is_ipv6(std::string_view text) {
  if (text.size() < 4 || text.front() != '[' || text.back() != ']') return false;
  const auto address = net::IpAddr::parse(text.substr(1, text.size() - 2));
  return address && !address->is_v4();
}

bool is_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || text.size() > 255) return false;
  const auto port = config::parse_whole(text.substr(colon + 1));
  const std::string_view host = text.substr(0, colon);
  const bool plain = host.find_first_of(":/ []@?#\"\\") == std::string_view::npos;
  return port && *port >= 1 && *port <= 65535 && (is_ipv6(host) || plain);
}

void read_tls(const Section& s, AgentConfig& config) {
  const std::pair<const char*, std::string*> files[] = {
      {"certificate", &config.report_certificate},
      {"key", &config.report_key},
      {"ca", &config.report_ca}};
  bool any = false;
  for (const auto& [key, path] : files) {
    *path = s.text(key, "");
    any = any || !path->empty();
    if (!path->empty() && path->front() != '/')
      s.error(key, base::quoted(*path) + " must begin with '/'");
  }
  for (const auto& [key, path] : files)
    if (any && path->empty())
      s.error(key, "is missing: TLS is mutual, name certificate, key and ca, or none of them");
}

void read_report(const Section& root, Diagnosis& diagnosis, AgentConfig& config) {
  const Section s = root.section("report", {"to", "interval", "certificate", "key", "ca"});
  read_tls(s, config);
  config.report_interval =
      s.duration("interval", {10 * base::kMillisecond, 60 * base::kSecond}, config.report_interval);
  const auto items = s.list("to");
  const std::vector<std::string>& known = config.report_to;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string& to = items[i].text;
    const std::string path = element("report.to", i);
    if (items[i].kind != Value::Kind::kScalar || !is_endpoint(to)) {
      diagnosis.error(
          items[i].line,
          path,
          base::quoted(to) + " is not HOST:PORT, use for example 192.0.2.11:9200"
      );
    } else if (std::count(known.begin(), known.end(), to) > 0) {
      diagnosis.error(items[i].line, path, base::quoted(to) + " is there twice, remove one");
    }
    config.report_to.push_back(to);
  }
}

/// http or https with a host, and a port from 1 to 65535 if one is given. The rest is libcurl's.
bool is_url(std::string_view text) {
  const auto scheme = text.find("://");
  if (scheme == std::string_view::npos) return false;
  if (text.substr(0, scheme) != "http" && text.substr(0, scheme) != "https") return false;
  if (text.find_first_of(" \"<>\\^`{|}") != std::string_view::npos || text.size() > 2000)
    return false;
  std::string_view authority = text.substr(scheme + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  authority.remove_prefix(std::min(authority.size(), authority.rfind('@') + 1));
  const bool bracketed = authority.starts_with('[');
  const auto close = bracketed ? authority.find(']') : 0;
  if (close == std::string_view::npos) return false;
  const auto colon = authority.find(':', close);
  const std::string_view host = authority.substr(0, colon);
  const bool plain = host.find_first_of("[]@") == std::string_view::npos;
  if (bracketed ? !is_ipv6(host) : host.empty() || !plain) return false;
  if (colon == std::string_view::npos) return true;
  const auto port = config::parse_whole(authority.substr(colon + 1));
  return port && *port >= 1 && *port <= 65535;
}

void read_load(const Section& root, AgentConfig& config) {
  const Section s = root.section("load", {"url", "cgroup"});
  config.load_url = s.text("url", "");
  if (!config.load_url.empty() && !is_url(config.load_url)) {
    s.error("url", "is not a URL, use for example http://127.0.0.1:8081/load");
  }
  config.cgroup = s.text("cgroup", "");
  if (!config.cgroup.empty() && config.cgroup.front() != '/') {
    s.error("cgroup", "is not an absolute path, use for example /sys/fs/cgroup/system.slice");
  }
}

}  // namespace

base::Result<AgentConfig> parse_agent_config(const std::string& text, const std::string& name) {
  FL_ASSIGN(const Value document, config::parse_yaml(text, name));
  Diagnosis diagnosis(name);
  const Section root(
      &document,
      1,
      "",
      {"backend",
       "interface",
       "runtime_dir",
       "vips",
       "nodes",
       "peers",
       "report",
       "capacity",
       "load",
       "leave"},
      diagnosis
  );
  AgentConfig config;
  root.require("backend", "backend: b1");
  root.require("interface", "interface: eth0");
  config.backend = root.name("backend", "");
  config.interface = root.interface("interface");
  config.interface_at = name + ":" + std::to_string(root.line_of("interface")) + ": interface";
  config.runtime_dir = root.text("runtime_dir", "/run/fairlead-agent/" + config.backend);
  if (config.runtime_dir.front() != '/' || config.runtime_dir.size() > 80) {
    root.error(
        "runtime_dir", "must begin with '/' and have at most 80 characters (a socket lives in it)"
    );
  }
  config.vips = read_vips(root, diagnosis);
  config.nodes = read_sources(root, "nodes", diagnosis);
  if (root.has("nodes") && config.nodes.empty()) {
    root.error("nodes", "names nobody, list the nodes; leave it out to decapsulate nothing");
  }
  config.peers = read_sources(root, "peers", diagnosis);
  read_report(root, diagnosis, config);
  config.capacity = static_cast<std::uint32_t>(root.whole("capacity", {0, 1000000000}, 0));
  read_load(root, config);
  const Section leave = root.section("leave", {"deadline"});
  config.leave_deadline =
      leave.duration("deadline", {0, 3600 * base::kSecond}, config.leave_deadline);

  if (!diagnosis.first_error().empty()) return base::invalid(diagnosis.first_error());
  if (const auto table = ebpf::build_vip_table(config.vips); !table) {
    return base::invalid(
        name + ":" + std::to_string(root.line_of("vips")) + ": vips: " + table.error().what
    );
  }
  return config;
}

base::Result<AgentConfig> load_agent_config(const std::string& path) {
  FL_ASSIGN(const std::string text, sys::read_input(path, kMostFileBytes, "a YAML file"));
  return parse_agent_config(text, path);
}

}  // namespace fairlead::agent
