// SPDX-License-Identifier: BSD-3-Clause
// Services and servers by address become vips and backends by name.
#include "control/cli/ipvs_lines.hh"

#include <algorithm>
#include <cctype>

#include "control/cli/page.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/net/addr.hh"

namespace fairlead::cli {
namespace {

std::string text(const Json& row, const char* key) {
  return cell(row, key, Format::kText);
}

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

/// The vip of a service in force; null: there is none.
const Json* find_vip(const Call& call, const Json& vips) {
  for (const Json& vip : vips) {
    const bool same = text(vip, "address") == text(call.arguments, "address") &&
                      text(vip, "port") == text(call.arguments, "port") &&
                      text(vip, "protocol") == text(call.arguments, "protocol");
    if (same) return &vip;
  }
  return nullptr;
}

/// What -A names a vip: by its service.
std::string made_name(const Json& service) {
  return text(service, "protocol") + "-" + text(service, "address") + "-" + text(service, "port");
}

std::string vip_name(const Call& call, const Json* vip) {
  return vip == nullptr ? made_name(call.arguments) : text(*vip, "name");
}

std::string backend_name(const Call& call, const std::string& vip, const Json& backends) {
  const std::string server = text(call.arguments, "server");
  for (const Json& backend : backends)
    if (text(backend, "vip") == vip && text(backend, "address") == server)
      return text(backend, "id");
  return server;
}

/// What -i or -g asks for; "": neither.
base::Result<std::string> forwarding(const Call& call, const Json* vip) {
  if (call.has_flag("-m"))
    return base::invalid("-m: there is no NAT here, replies go straight back: -i or -g");
  const std::string wanted = call.has_flag("-i") ? "ipip" : call.has_flag("-g") ? "l2" : "";
  const std::string there = vip == nullptr ? wanted : text(*vip, "encapsulation");
  if (!wanted.empty() && wanted != there && !(wanted == "ipip" && there == "gue")) {
    return base::invalid(
        "vip " + text(*vip, "name") + " sends to all its backends by " + there + ", not by " +
        wanted + ": set vip " + text(*vip, "name") + " encapsulation changes that"
    );
  }
  return vip == nullptr ? wanted : "";
}

base::Result<void> check_port(const Call& call) {
  const std::string port = text(call.arguments, "server_port");
  if (port == "-" || port == "0" || port == text(call.arguments, "port")) return {};
  return base::invalid(
      "server port " + port + ": packets are not rewritten, a backend listens on the vip's port, " +
      text(call.arguments, "port")
  );
}

base::Result<std::vector<std::string>> server_lines(
    const Call& call, const Json* vip, const Json& backends
) {
  FL_TRY(check_port(call));
  FL_ASSIGN(const std::string encapsulation, forwarding(call, vip));
  const std::string name = vip_name(call, vip);
  const std::string backend = backend_name(call, name, backends);
  const std::string weight = text(call.arguments, "weight");
  if (call.is("ipvs -d"))
    return std::vector<std::string>{"del backend " + backend + " vip " + name};
  if (call.is("ipvs -e"))
    return std::vector<std::string>{
        "set backend " + backend + " vip " + name + " weight " + weight};
  std::vector<std::string> lines;
  if (!encapsulation.empty())
    lines.push_back("set vip " + name + " encapsulation " + encapsulation);
  lines.push_back(
      "add backend " + backend + " vip " + name + " address " + text(call.arguments, "server") +
      (weight == "-" ? "" : " weight " + weight)
  );
  return lines;
}

}  // namespace

std::span<const ValueKind> ipvs_kinds() {
  return kKinds;
}

bool stands_for_others(const Call& call) {
  if (!call.pattern->name.starts_with("ipvs ")) return false;
  return !call.is("ipvs -L") && !call.is("ipvs -l") && !call.is("ipvs -S") && !call.is("ipvs -R");
}

base::Result<std::vector<std::string>> ipvs_lines(
    const Call& call, const Json& vips, const Json& backends
) {
  using Lines = std::vector<std::string>;
  if (call.is("ipvs -C"))
    return base::invalid("ipvs -C: one letter must not take all vips away, del vip takes one");
  if (call.is("ipvs -E")) {
    return base::invalid(
        "ipvs -E: every vip has the same scheduler; set vip VIP KEY VALUE changes other keys"
    );
  }
  if (!call.arguments.contains("address")) return Lines{"clear stats"};  // -Z
  const Json* vip = find_vip(call, vips);
  if (call.is("ipvs -Z") && vip == nullptr) {
    return base::fail(
        base::ErrorCode::kNotFound,
        "no vip is " + made_name(call.arguments) + "; show vip lists them"
    );
  }
  const std::string name = vip_name(call, vip);
  if (call.is("ipvs -Z")) return Lines{"clear stats vip " + name};
  if (call.is("ipvs -D")) return Lines{"del vip " + name};
  if (!call.is("ipvs -A")) return server_lines(call, vip, backends);
  return Lines{
      "add vip " + made_name(call.arguments) + " address " + text(call.arguments, "address") +
      " protocol " + text(call.arguments, "protocol") + " port " + text(call.arguments, "port")};
}

std::vector<std::string> ipvs_saved(const Json& vips, const Json& backends) {
  std::vector<std::string> lines;
  for (const Json& vip : vips) {
    const std::string address = text(vip, "address");
    if (address.find('/') != std::string::npos) {  // a comment, so that the others can be restored
      lines.push_back("# vip " + text(vip, "name") + " is a prefix, " + address + ": config save");
      continue;
    }
    const bool v6 = address.find(':') != std::string::npos;
    const std::string service = (text(vip, "protocol") == "udp" ? "-u " : "-t ") +
                                (v6 ? "[" + address + "]" : address) + ":" + text(vip, "port");
    lines.push_back("-A " + service + " -s mh");
    const std::string forward = text(vip, "encapsulation") == "l2" ? " -g" : " -i";
    for (const Json& backend : backends) {
      if (text(backend, "vip") != text(vip, "name")) continue;
      lines.push_back(
          "-a " + service + " -r " + text(backend, "address") + forward + " -w " +
          text(backend, "configured_weight")
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
