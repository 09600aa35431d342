// SPDX-License-Identifier: BSD-3-Clause
// Services and servers by address become vips and backends by name.
#include "control/cli/ipvs_lines.hh"

#include <algorithm>
#include <cctype>

#include "control/cli/client.hh"
#include "control/cli/page.hh"
#include "control/cli/pages.hh"
#include "control/config/config.hh"
#include "control/model/names.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/net/addr.hh"

namespace fairlead::cli {
namespace {

base::Result<void> store_flag(std::string_view given, Json& arguments) {
  if (given == "-t" || given == "--tcp-service") {
    arguments["protocol"] = "tcp";
  } else if (given == "-u" || given == "--udp-service") {
    arguments["protocol"] = "udp";
  } else if (given == "-f" || given == "--fwmark-service") {
    return base::invalid("-f: there are no firewall marks here, a vip is an address: -t or -u");
  } else {
    return base::invalid(base::quoted(given) + ": must be -t or -u");
  }
  return {};
}

/// ADDRESS:PORT, or ADDRESS where no port is needed.
base::Result<void> store_endpoint(
    const char* what,
    std::string_view given,
    const char* address,
    const char* port,
    bool needs_port,
    Json& arguments
) {
  const bool bracket = given.starts_with('[');
  const std::size_t end = given.rfind(']');
  const std::size_t colon = given.rfind(':');
  const bool v6 = std::ranges::count(given, ':') > 1;
  const bool ported = bracket ? end != std::string_view::npos && colon == end + 1
                              : !v6 && colon != std::string_view::npos;
  const std::string_view host = bracket
                                    ? given.substr(1, end == std::string_view::npos ? end : end - 1)
                                : ported ? given.substr(0, colon)
                                         : given;
  const auto parsed = net::IpAddr::parse(host);
  if (!parsed || (needs_port && !ported)) {
    return base::invalid(
        std::string(what) + " " + base::quoted(given) +
        ": write ADDRESS:PORT, IPv6 as [ADDRESS]:PORT"
    );
  }
  arguments[address] = parsed->to_string();
  if (!ported) return {};
  Json checked;
  FL_TRY(value_kind("VIPPORT").store(given.substr(colon + 1), checked));
  arguments[port] = checked["port"];
  return {};
}

base::Result<void> store_service(std::string_view given, Json& arguments) {
  return store_endpoint("service", given, "address", "port", true, arguments);
}

base::Result<void> store_server(std::string_view given, Json& arguments) {
  return store_endpoint("server", given, "server", "server_port", false, arguments);
}

std::vector<std::string> schedulers() {
  return {"mh"};
}

base::Result<void> store_scheduler(std::string_view given, Json& arguments) {
  if (given != "mh") {
    return base::invalid(
        "scheduler " + base::quoted(given) +
        ": there is one, mh (Maglev, the least busy of a flow's candidates); policy: weighs "
        "backends"
    );
  }
  arguments["scheduler"] = given;
  return {};
}

constexpr ValueKind kKinds[] = {
    {"FLAG", "-t (TCP) or -u (UDP)", "-t", NameSource::kNone, nullptr, store_flag},
    {"SERVICE",
     "ADDRESS:PORT or [ADDRESS]:PORT of a vip",
     "203.0.113.10:80",
     NameSource::kNone,
     nullptr,
     store_service},
    {"SERVER",
     "a backend's address; with a port, the vip's",
     "10.0.0.1",
     NameSource::kNone,
     nullptr,
     store_server},
    {"SCHEDULER", "mh", "mh", NameSource::kNone, schedulers, store_scheduler},
};

/// The vip of a service; null: there is none.
const Json* find_vip(const Call& call, const Json& vips) {
  for (const Json& vip : vips) {
    const bool same = cell(vip, "address") == cell(call.arguments, "address") &&
                      cell(vip, "port") == cell(call.arguments, "port") &&
                      cell(vip, "protocol") == cell(call.arguments, "protocol");
    if (same) return &vip;
  }
  return nullptr;
}

const Json* find_backend(const std::string& vip, const std::string& address, const Json& backends) {
  for (const Json& backend : backends)
    if ((vip.empty() || cell(backend, "vip") == vip) && cell(backend, "address") == address)
      return &backend;
  return nullptr;
}

/// What -A names a vip: by its service.
std::string made_name(const Json& service) {
  return cell(service, "protocol") + "-" + cell(service, "address") + "-" + cell(service, "port");
}

/// Its name where edits go; of one that is to be made, the name that it has in force.
std::string vip_name(const Call& call, const IpvsTables& tables) {
  const Json* vip = find_vip(call, tables.staged.vips);
  if (vip == nullptr) vip = find_vip(call, tables.in_force.vips);
  return vip == nullptr ? made_name(call.arguments) : cell(*vip, "name");
}

std::string backend_name(const Call& call, const std::string& vip, const IpvsTables& tables) {
  const std::string server = cell(call.arguments, "server");
  const Json* found = find_backend(vip, server, tables.staged.backends);
  if (found == nullptr) found = find_backend(vip, server, tables.in_force.backends);
  if (found == nullptr) found = find_backend("", server, tables.in_force.backends);
  return found == nullptr ? server : cell(*found, "id");
}

/// What -i or -g asks for; "": neither.
base::Result<std::string> forwarding(const Call& call, const Json* vip) {
  if (call.has_flag("-m"))
    return base::invalid("-m: there is no NAT here, replies go straight back: -i or -g");
  const std::string wanted = call.has_flag("-i") ? "ipip" : call.has_flag("-g") ? "l2" : "";
  const std::string there = vip == nullptr ? wanted : cell(*vip, "encapsulation");
  if (!wanted.empty() && wanted != there && !(wanted == "ipip" && there == "gue")) {
    return base::invalid(
        "vip " + cell(*vip, "name") + " sends to all its backends by " + there + ", not by " +
        wanted + ": set vip " + cell(*vip, "name") + " encapsulation changes that"
    );
  }
  return vip == nullptr ? wanted : "";
}

base::Result<void> check_port(const Call& call) {
  const std::string port = cell(call.arguments, "server_port");
  if (port == "-" || port == "0" || port == cell(call.arguments, "port")) return {};
  return base::invalid(
      "server port " + port + ": packets are not rewritten, a backend listens on the vip's port, " +
      cell(call.arguments, "port")
  );
}

/// -a of a backend that is there.
base::Result<IpvsMeaning> there_already(
    const Call& call, const std::string& vip, const Json& backend, bool restoring
) {
  const std::string name = "backend " + cell(backend, "id") + " of vip " + vip;
  const std::string wanted = cell(call.arguments, "weight");
  const std::string weight = cell(backend, "configured_weight");
  if (!restoring) {
    return base::invalid("destination already exists: " + name + "; ipvs -e changes its weight");
  }
  if (wanted != "-" && wanted != weight) {
    return base::invalid(
        name + " is there with weight " + weight + ", not " + wanted +
        ": ipvs -e changes it, or ipvs -C before ipvs -R"
    );
  }
  return IpvsMeaning{{}, name + " is there already"};
}

base::Result<IpvsMeaning> server_meaning(const Call& call, const IpvsTables& tables) {
  FL_TRY(check_port(call));
  const IpvsPools& pools = call.is("ipvs -e") ? tables.in_force : tables.staged;
  const Json* const vip = find_vip(call, pools.vips);
  FL_ASSIGN(const std::string encapsulation, forwarding(call, vip));
  const std::string name = vip_name(call, tables);
  const std::string server = cell(call.arguments, "server");
  const std::string backend = backend_name(call, name, tables);
  const std::string weight = cell(call.arguments, "weight");
  if (call.is("ipvs -d")) return IpvsMeaning{{"del backend " + backend + " vip " + name}, ""};
  if (call.is("ipvs -e"))
    return IpvsMeaning{{"set backend " + backend + " vip " + name + " weight " + weight}, ""};
  if (const Json* const there = find_backend(name, server, pools.backends))
    return there_already(call, name, *there, tables.restoring);
  IpvsMeaning meaning;
  if (!encapsulation.empty())
    meaning.lines.push_back("set vip " + name + " encapsulation " + encapsulation);
  meaning.lines.push_back(
      "add backend " + backend + " vip " + name + " address " + server +
      (weight == "-" ? "" : " weight " + weight)
  );
  return meaning;
}

/// Vips and backends of a pending text, as far as they are asked for here.
base::Result<IpvsPools> pools_of(const Json& pending) {
  IpvsPools out;
  FL_ASSIGN(
      const config::Config config,
      config::parse_config(
          part(pending, "text", Json("")).get<std::string>(), "pending", config::Purpose::kStage
      )
  );
  for (const model::Vip& vip : config.vips) {
    out.vips.push_back(
        {{"name", vip.name},
         {"address", vip.prefix.to_string()},
         {"port", vip.port},
         {"protocol", model::to_string(vip.protocol)},
         {"encapsulation", model::to_string(vip.encapsulation)}}
    );
    for (const model::Backend& backend : vip.backends) {
      out.backends.push_back(
          {{"id", backend.id},
           {"vip", vip.name},
           {"address", backend.address.to_string()},
           {"configured_weight", backend.weight}}
      );
    }
  }
  return out;
}

IpvsMeaning cleared(const IpvsTables& tables) {
  IpvsMeaning out{{}, "there is no vip"};
  for (const Json& vip : tables.staged.vips) out.lines.push_back("del vip " + cell(vip, "name"));
  return out;
}

}  // namespace

std::span<const ValueKind> ipvs_kinds() {
  return kKinds;
}

bool stands_for_others(const Call& call) {
  if (!call.pattern->name.starts_with("ipvs ")) return false;
  return !call.is("ipvs -L") && !call.is("ipvs -l") && !call.is("ipvs -S") && !call.is("ipvs -R");
}

bool reads_tables(const Call& call) {
  return call.is("ipvs -C") || (call.arguments.contains("address") && !call.is("ipvs -E"));
}

base::Result<IpvsTables> ask_tables(
    const Place& place, const Call& call, bool restoring, std::chrono::milliseconds timeout
) {
  const std::string& socket = place.control_socket;
  IpvsTables out;
  out.restoring = restoring;
  FL_ASSIGN(const Json vips, ask(socket, "show vip", Json::object(), timeout));
  FL_ASSIGN(const Json backends, ask(socket, "show backend", Json::object(), timeout));
  out.in_force = {part(vips, "vips", Json::array()), part(backends, "backends", Json::array())};
  out.staged = out.in_force;
  if (call.pattern->rule->method != "config edit") return out;
  FL_ASSIGN(const Json pending, ask(socket, "show config pending", Json::object(), timeout));
  if (part(pending, "pending", Json(false)) == Json(true)) {
    FL_ASSIGN(out.staged, pools_of(pending));
  }
  return out;
}

base::Result<IpvsMeaning> ipvs_meaning(const Call& call, const IpvsTables& tables) {
  if (call.is("ipvs -C")) return cleared(tables);
  if (call.is("ipvs -E")) {
    return base::invalid(
        "ipvs -E: every vip has the same scheduler; set vip VIP KEY VALUE changes other keys"
    );
  }
  if (!call.arguments.contains("address")) return IpvsMeaning{{"clear stats"}, ""};  // -Z
  const std::string name = vip_name(call, tables);
  if (call.is("ipvs -Z") && find_vip(call, tables.in_force.vips) == nullptr) {
    return base::fail(
        base::ErrorCode::kNotFound,
        "no vip is " + made_name(call.arguments) + "; show vip lists them"
    );
  }
  if (call.is("ipvs -Z")) return IpvsMeaning{{"clear stats vip " + name}, ""};
  if (call.is("ipvs -D")) return IpvsMeaning{{"del vip " + name}, ""};
  if (!call.is("ipvs -A")) return server_meaning(call, tables);
  if (find_vip(call, tables.staged.vips) != nullptr) {
    if (tables.restoring) return IpvsMeaning{{}, "vip " + name + " is there already"};
    return base::invalid("service already exists: it is vip " + name);
  }
  return IpvsMeaning{
      {"add vip " + name + " address " + cell(call.arguments, "address") + " protocol " +
       cell(call.arguments, "protocol") + " port " + cell(call.arguments, "port")},
      ""};
}

std::vector<std::string> ipvs_saved(const Json& vips, const Json& backends) {
  std::vector<std::string> lines;
  for (const Json& vip : vips) {
    const std::string address = cell(vip, "address");
    if (address.find('/') != std::string::npos) {  // a comment, so that the others can be restored
      lines.push_back("# vip " + cell(vip, "name") + " is a prefix, " + address + ": config save");
      continue;
    }
    const bool v6 = address.find(':') != std::string::npos;
    const std::string service = (cell(vip, "protocol") == "udp" ? "-u " : "-t ") +
                                (v6 ? "[" + address + "]" : address) + ":" + cell(vip, "port");
    lines.push_back("-A " + service + " -s mh");
    const std::string forward = cell(vip, "encapsulation") == "l2" ? " -g" : " -i";
    for (const Json& backend : backends) {
      if (cell(backend, "vip") != cell(vip, "name")) continue;
      lines.push_back(
          "-a " + service + " -r " + cell(backend, "address") + forward + " -w " +
          cell(backend, "configured_weight")
      );
    }
  }
  return lines;
}

std::vector<Token> split_letters(const std::vector<Token>& tokens) {
  const bool at_node = !tokens.empty() && tokens[0].text.starts_with('@');
  const std::size_t first = at_node ? 1 : 0;
  if (tokens.size() <= first || tokens[first].text != "ipvs") return tokens;
  std::vector<Token> out;
  bool filters = false;
  for (const Token& token : tokens) {
    filters = filters || token.pipe;
    const bool letters = !filters && !token.quoted && token.text.size() > 2 &&
                         token.text[0] == '-' &&
                         std::all_of(token.text.begin() + 1, token.text.end(), [](unsigned char c) {
                           return std::isalpha(c) != 0;
                         });
    if (!letters) {
      out.push_back(token);
      continue;
    }
    for (const char letter : token.text.substr(1)) {
      Token one = token;
      one.text = std::string("-") + letter;
      out.push_back(std::move(one));
    }
  }
  return out;
}

}  // namespace fairlead::cli
