// SPDX-License-Identifier: BSD-3-Clause
// Checks of typed values. Nothing reaches a daemon that has not passed here.
#include "control/cli/values.hh"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <regex.h>
#include <string>

#include "control/cli/config_commands.hh"
#include "control/cli/edit_commands.hh"
#include "control/cli/hold_commands.hh"
#include "control/cli/ipvs_lines.hh"
#include "control/cli/nearest.hh"
#include "control/cli/packet_commands.hh"
#include "control/cli/run_commands.hh"
#include "dataplane/base/check.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/net/addr.hh"

namespace fairlead::cli {
namespace {

constexpr std::size_t kLongestName = 64;
constexpr unsigned kHighestWeight = 10000;
constexpr unsigned kHighestPort = 65535;
constexpr unsigned kHighestPortNumber = 15;  // of the data plane's ports
constexpr unsigned kMostWorkers = 64;
constexpr unsigned kHighestCount = 1000000;
using base::quoted;

template <typename T>
std::optional<T> number(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || text.empty()) return std::nullopt;
  const bool octal = text.size() > 1 && text[0] == '0' && text[1] != '.';  // "0120": 120 or 80?
  if (octal) return std::nullopt;
  return value;
}

base::Result<void> store_name(
    std::string_view what, std::string_view key, std::string_view text, Json& arguments
) {
  bool good = !text.empty() && text.size() <= kLongestName;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    good = good && (letter || digit || c == '.' || c == '_' || c == '-' || c == ':');
  }
  if (!good) {
    return base::invalid(
        std::string(what) + " " + quoted(text) +
        ": must be 1 to 64 letters, digits, '.', '_', '-' or ':'"
    );
  }
  arguments[std::string(key)] = text;
  return {};
}

base::Result<void> store_backend(std::string_view text, Json& arguments) {
  return store_name("backend", "backend", text, arguments);
}

base::Result<void> store_vip(std::string_view text, Json& arguments) {
  std::string plain(text);  // an address stands for the name: [2001:db8::1]:53, 192.0.2.0/28
  std::erase_if(plain, [](char c) { return c == '[' || c == ']' || c == '/'; });
  FL_TRY(store_name("vip", "vip", plain, arguments));
  arguments["vip"] = text;
  return {};
}

base::Result<void> store_reason(std::string_view text, Json& arguments) {
  return store_name("drop reason", "reason", text, arguments);
}

base::Result<void> store_whole(
    std::string_view what,
    std::string_view key,
    unsigned least,
    unsigned most,
    std::string_view text,
    Json& arguments
) {
  const auto value = number<unsigned>(text);
  if (!value || *value < least || *value > most) {
    return base::invalid(
        std::string(what) + " " + quoted(text) + ": must be a whole number from " +
        std::to_string(least) + " to " + std::to_string(most)
    );
  }
  arguments[std::string(key)] = *value;
  return {};
}

base::Result<void> store_weight(std::string_view text, Json& arguments) {
  return store_whole("weight", "weight", 0, kHighestWeight, text, arguments);
}

std::vector<std::string> protocols() {
  return {"tcp", "udp"};
}

base::Result<void> store_protocol(std::string_view text, Json& arguments) {
  for (const std::string& name : protocols()) {
    if (!text.empty() && name.rfind(text, 0) == 0) {
      arguments["protocol"] = name;
      return {};
    }
  }
  return base::invalid(
      "protocol " + quoted(text) + ": must be tcp or udp" + did_you_mean(text, protocols())
  );
}

struct Endpoint {
  net::IpAddr address;
  unsigned port = 0;
};

base::Result<Endpoint> endpoint(std::string_view what, std::string_view text) {
  const std::string shown = std::string(what) + " " + quoted(text);
  const std::size_t colon = text.rfind(':');
  const bool bracket = !text.empty() && text.front() == '[';
  if (colon == std::string_view::npos || (bracket && (colon < 2 || text[colon - 1] != ']'))) {
    return base::invalid(shown + ": write ADDRESS:PORT, IPv6 as [ADDRESS]:PORT");
  }
  const std::string_view host = bracket ? text.substr(1, colon - 2) : text.substr(0, colon);
  const auto address = net::IpAddr::parse(host);
  if (!bracket && (!address || !address->is_v4()) && host.find(':') != std::string_view::npos) {
    return base::invalid(shown + ": an IPv6 address needs brackets, [ADDRESS]:PORT");
  }
  if (!address || address->is_v4() == bracket) {
    return base::invalid(shown + ": " + quoted(host) + " is not an IP address");
  }
  const auto port = number<unsigned>(text.substr(colon + 1));
  if (!port || *port == 0 || *port > kHighestPort) {
    return base::invalid(
        shown + ": port " + quoted(text.substr(colon + 1)) + " must be from 1 to 65535"
    );
  }
  return Endpoint{*address, *port};
}

base::Result<void> store_source(std::string_view text, Json& arguments) {
  FL_ASSIGN(const Endpoint source, endpoint("source", text));
  arguments["src"] = source.address.to_string();
  arguments["sport"] = source.port;
  return {};
}

base::Result<void> store_destination(std::string_view text, Json& arguments) {
  FL_ASSIGN(const Endpoint destination, endpoint("destination", text));
  const auto source = net::IpAddr::parse(arguments.value("src", std::string()));
  if (source && source->family != destination.address.family) {
    return base::invalid(
        "destination " + quoted(text) + ": source and destination must be of one family"
    );
  }
  arguments["dst"] = destination.address.to_string();
  arguments["dport"] = destination.port;
  return {};
}

base::Result<void> store_interval(std::string_view text, Json& arguments) {
  FL_ASSIGN(const std::chrono::milliseconds interval, parse_interval(text));
  arguments["interval_ms"] = interval.count();
  return {};
}

base::Result<void> store_count(std::string_view text, Json& arguments) {
  return store_whole("count", "count", 1, kHighestCount, text, arguments);
}

base::Result<void> store_worker(std::string_view text, Json& arguments) {
  return store_whole("worker", "worker", 0, 63, text, arguments);
}

base::Result<void> store_limit(std::string_view text, Json& arguments) {
  return store_whole("limit", "limit", 1, kHighestCount, text, arguments);
}

/// "10000" or "10000/s".
base::Result<void> store_rate(std::string_view text, Json& arguments) {
  const std::string_view digits = text.ends_with("/s") ? text.substr(0, text.size() - 2) : text;
  return store_whole("rate", "rate", 1, 1'000'000'000, digits, arguments);
}

std::vector<std::string> flow_states() {
  return {"new", "confirmed", "closing", "reset", "adopted"};
}

base::Result<void> store_state(std::string_view text, Json& arguments) {
  std::string fitting;
  for (const std::string& name : flow_states()) {
    if (!text.empty() && name.rfind(text, 0) == 0 && (fitting.empty() || name == text))
      fitting = name;
  }
  if (fitting.empty()) {
    return base::invalid(
        "state " + quoted(text) + ": must be new, confirmed, closing, reset or adopted" +
        did_you_mean(text, flow_states())
    );
  }
  arguments["state"] = fitting;
  return {};
}

base::Result<void> store_file(std::string_view text, Json& arguments) {
  if (text.empty())
    return base::invalid("file '': name a flow table, as in /run/fairlead/lb1/flows.0");
  arguments["file"] = text;
  return {};
}

base::Result<void> store_regex(std::string_view text, Json& arguments) {
  // regcomp() recurses with the nesting: 20000 parentheses would end the process.
  constexpr std::size_t kLongestRegex = 256;
  if (text.size() > kLongestRegex) {
    return base::invalid("regular expression: longer than 256 characters, shorten it");
  }
  regex_t compiled;
  const int error = regcomp(&compiled, std::string(text).c_str(), REG_EXTENDED | REG_NOSUB);
  if (error != 0) {
    char message[128] = {};
    regerror(error, &compiled, message, sizeof message);
    return base::invalid("regular expression " + quoted(text) + ": " + message);
  }
  regfree(&compiled);
  arguments["regex"] = text;
  return {};
}

base::Result<void> store_port(std::string_view text, Json& arguments) {
  const auto value = number<unsigned>(text);
  if (!value || *value > kHighestPortNumber) {
    return base::invalid("port " + quoted(text) + ": must be a number as in show port, 0 to 15");
  }
  arguments["port"] = *value;
  return {};
}

std::vector<std::string> views() {
  return {"stats", "xstats", "info"};
}

base::Result<void> store_view(std::string_view text, Json& arguments) {
  for (const std::string& name : views()) {
    if (text.empty() || name.rfind(text, 0) != 0) continue;
    arguments["what"] = name;
    return {};
  }
  return base::invalid(
      "view " + quoted(text) + ": must be stats, xstats or info" + did_you_mean(text, views())
  );
}

base::Result<void> store_workers(std::string_view text, Json& arguments) {
  const auto value = number<unsigned>(text);
  if (!value || *value == 0 || *value > kMostWorkers) {
    return base::invalid("workers " + quoted(text) + ": must be a whole number from 1 to 64");
  }
  arguments["count"] = *value;
  return {};
}

base::Result<void> store_device(std::string_view text, Json& arguments) {
  constexpr std::size_t kLongestDevice = 256;
  if (text.empty() || text.size() > kLongestDevice) {
    return base::invalid("device: must be 1 to 256 characters, for example net_tap1,iface=fl1");
  }
  arguments["device"] = text;
  return {};
}

base::Result<void> store_gateway(std::string_view text, Json& arguments) {
  if (!net::IpAddr::parse(text)) {
    return base::invalid("gateway " + quoted(text) + ": must be an IPv4 or IPv6 address");
  }
  arguments["gateway"] = text;
  return {};
}

base::Result<void> store_topic(std::string_view text, Json& arguments) {
  arguments["topic"] = text;
  return {};
}

constexpr ValueKind kKinds[] = {
    {"BACKEND", "a backend's id or address", "b1", NameSource::kBackends, nullptr, store_backend},
    {"VIP", "a vip's name or address", "web", NameSource::kVips, nullptr, store_vip},
    {"WEIGHT", "0 to 10000; 0: no new flows", "50", NameSource::kNone, nullptr, store_weight},
    {"PROTOCOL", "tcp or udp", "tcp", NameSource::kNone, protocols, store_protocol},
    {"SOURCE",
     "client as ADDRESS:PORT or [ADDRESS]:PORT",
     "198.51.100.7:40000",
     NameSource::kNone,
     nullptr,
     store_source},
    {"DESTINATION",
     "vip as ADDRESS:PORT or [ADDRESS]:PORT",
     "203.0.113.10:80",
     NameSource::kNone,
     nullptr,
     store_destination},
    {"REASON",
     "a drop reason, as in show drop",
     "no_vip",
     NameSource::kNone,
     nullptr,
     store_reason},
    {"INTERVAL",
     "500ms, 2s, 1m or 1h; a bare number is seconds",
     "1s",
     NameSource::kNone,
     nullptr,
     store_interval},
    {"COUNT", "1 to 1000000", "5", NameSource::kNone, nullptr, store_count},
    {"PORT", "a port's number, as in show port", "0", NameSource::kNone, nullptr, store_port},
    {"VIEW", "stats, xstats or info", "xstats", NameSource::kNone, views, store_view},
    {"WORKERS", "1 to 64", "2", NameSource::kNone, nullptr, store_workers},
    {"DEVICE",
     "a DPDK device, as ports[].device",
     "net_tap1,iface=fltap1",
     NameSource::kNone,
     nullptr,
     store_device},
    {"GATEWAY", "an IPv4 or IPv6 address", "192.0.2.1", NameSource::kNone, nullptr, store_gateway},
    {"WORKER",
     "a worker's number, as in show stats",
     "0",
     NameSource::kNone,
     nullptr,
     store_worker},
    {"STATE",
     "new, confirmed, closing, reset or adopted",
     "confirmed",
     NameSource::kNone,
     flow_states,
     store_state},
    {"LIMIT", "1 to 1000000 rows", "20", NameSource::kNone, nullptr, store_limit},
    {"RATE",
     "flows a second, as 10000 or 10000/s",
     "10000/s",
     NameSource::kNone,
     nullptr,
     store_rate},
    {"FILE",
     "a flow table: RUNTIME_DIR/flows.N, or RUNTIME_DIR for all of them",
     "/run/fairlead/lb1/flows.0",
     NameSource::kFiles,
     nullptr,
     store_file},
    {"REGEX",
     "POSIX extended regular expression; quote it if it has blanks or |",
     "'b1|b2'",
     NameSource::kNone,
     nullptr,
     store_regex},
    {"TOPIC",
     "the first word of a command, or a kind of value",
     "show",
     NameSource::kNone,
     nullptr,
     store_topic},
};

}  // namespace

std::span<const ValueKind> value_kinds() {
  static const std::vector<ValueKind> all = [] {
    std::vector<ValueKind> kinds;
    for (const auto part :
         {std::span<const ValueKind>(kKinds),
          config_kinds(),
          edit_kinds(),
          hold_kinds(),
          ipvs_kinds(),
          run_kinds(),
          packet_kinds()})
      kinds.insert(kinds.end(), part.begin(), part.end());
    return kinds;
  }();
  return all;
}

const ValueKind& value_kind(std::string_view name) {
  const std::span<const ValueKind> kinds = value_kinds();
  const auto found = std::find_if(kinds.begin(), kinds.end(), [name](const ValueKind& kind) {
    return kind.name == name;
  });
  FL_CHECK(found != kinds.end());
  return *found;
}

}  // namespace fairlead::cli
