// SPDX-License-Identifier: BSD-3-Clause
// Words become keys of the configuration. Whether their values are good the daemon says: it knows
// the rest of the file.
#include "control/cli/edit_commands.hh"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string>

#include "control/cli/nearest.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/net/addr.hh"

namespace fairlead::cli {
namespace {

using base::quoted;

constexpr std::size_t kLongestSetting = 1024;

// Arguments that are keys of a vip or a backend, in the order in which they are written.
constexpr const char* kKeys[] = {
    "address", "protocol", "port", "encapsulation", "choices", "weight", "capacity"};

std::vector<std::string> transports() {
  return {"tcp", "udp"};
}

std::vector<std::string> encapsulations() {
  return {"ipip", "gue", "l2"};
}

base::Result<void> store_choice(
    const std::string& key,
    const std::vector<std::string>& words,
    std::string_view text,
    Json& arguments
) {
  if (std::ranges::find(words, text) == words.end()) {
    std::string listed;
    for (const std::string& word : words) listed += (listed.empty() ? "" : ", ") + word;
    return base::invalid(
        key + " " + quoted(text) + ": is none of " + listed + did_you_mean(std::string(text), words)
    );
  }
  arguments[key] = text;
  return {};
}

base::Result<void> store_number(
    const std::string& key, std::uint64_t most, std::string_view text, Json& arguments
) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most) {
    return base::invalid(
        key + " " + quoted(text) + ": must be a whole number from 0 to " + std::to_string(most)
    );
  }
  arguments[key] = text;
  return {};
}

base::Result<void> store_range(std::string_view text, Json& arguments) {
  if (!net::Prefix::parse(text) && !net::IpAddr::parse(text)) {
    return base::invalid(
        "address " + quoted(text) + ": is no address or prefix, write 203.0.113.10 or 2001:db8::/64"
    );
  }
  arguments["address"] = text;
  return {};
}

base::Result<void> store_host(std::string_view text, Json& arguments) {
  if (!net::IpAddr::parse(text)) {
    return base::invalid("address " + quoted(text) + ": must be an IPv4 or IPv6 address");
  }
  arguments["address"] = text;
  return {};
}

base::Result<void> store_transport(std::string_view text, Json& arguments) {
  return store_choice("protocol", transports(), text, arguments);
}

base::Result<void> store_vip_port(std::string_view text, Json& arguments) {
  return store_number("port", 65535, text, arguments);
}

base::Result<void> store_encapsulation(std::string_view text, Json& arguments) {
  return store_choice("encapsulation", encapsulations(), text, arguments);
}

base::Result<void> store_choices(std::string_view text, Json& arguments) {
  return store_number("choices", 255, text, arguments);
}

base::Result<void> store_capacity(std::string_view text, Json& arguments) {
  return store_number("capacity", 10'000'000, text, arguments);
}

base::Result<void> store_key(std::string_view text, Json& arguments) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  if (text.empty() || text.size() > 64 || !std::ranges::all_of(text, letter)) {
    return base::invalid("key " + quoted(text) + ": must be a key of the file, as table_size");
  }
  arguments["key"] = text;
  return {};
}

base::Result<void> store_setting(std::string_view text, Json& arguments) {
  if (text.empty() || text.size() > kLongestSetting)
    return base::invalid("value: must have 1 to 1024 characters");
  arguments["setting"] = text;
  return {};
}

/// "10%" or "10": kept as the share that the file has.
base::Result<void> store_percent(const std::string& key, std::string_view text, Json& arguments) {
  const std::string_view number = text.ends_with('%') ? text.substr(0, text.size() - 1) : text;
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  const bool whole = error == std::errc() && end == number.data() + number.size();
  if (!whole || !(value >= 0 && value <= 100))
    return base::invalid(key + " " + quoted(text) + ": must be 0% to 100%, as in 10%");
  arguments[key] = value / 100;
  return {};
}

base::Result<void> store_step(std::string_view text, Json& arguments) {
  return store_percent("max_step", text, arguments);
}

base::Result<void> store_rows(std::string_view text, Json& arguments) {
  return store_percent("max_moved_rows", text, arguments);
}

std::string decimal(double value) {
  char out[32];
  std::snprintf(out, sizeof out, "%.6g", value);
  return out;
}

/// Of `set weights policy`: keys of policy.rails. Both of rows are written, so that they say what
/// was asked whatever the file had.
Json rail_values(const Json& given) {
  Json out = Json::array();
  if (given.contains("max_step"))
    out.push_back({{"key", "max_step"}, {"value", decimal(given["max_step"])}});
  if (given.contains("max_moved_rows")) {
    const std::string within = std::to_string(given.value("interval_ms", 60'000)) + "ms";
    out.push_back({{"key", "max_moved"}, {"value", decimal(given["max_moved_rows"])}});
    out.push_back({{"key", "moved_within"}, {"value", within}});
  }
  return out;
}

std::vector<std::string> tables() {
  return {"prev", "pending"};
}

base::Result<void> store_against(std::string_view text, Json& arguments) {
  return store_choice("against", tables(), text, arguments);
}

constexpr ValueKind kKinds[] = {
    {"AGAINST",
     "prev: the generation before, pending: what config commit would put in force",
     "prev",
     NameSource::kNone,
     tables,
     store_against},
    {"STEP", "0% to 100%; 0%: as far as it wants", "10%", NameSource::kNone, nullptr, store_step},
    {"ROWS", "0% to 100% of a vip's slots; 0%: any", "2%", NameSource::kNone, nullptr, store_rows},
    {"RANGE", "an address or a prefix", "203.0.113.10", NameSource::kNone, nullptr, store_range},
    {"HOST", "an IPv4 or IPv6 address", "10.0.0.9", NameSource::kNone, nullptr, store_host},
    {"TRANSPORT", "tcp or udp", "tcp", NameSource::kNone, transports, store_transport},
    {"VIPPORT", "0 to 65535; 0: any", "443", NameSource::kNone, nullptr, store_vip_port},
    {"ENCAPSULATION",
     "ipip, gue or l2",
     "gue",
     NameSource::kNone,
     encapsulations,
     store_encapsulation},
    {"CHOICES",
     "candidates of a new flow; 1: plain Maglev",
     "2",
     NameSource::kNone,
     nullptr,
     store_choices},
    {"CAPACITY", "0 to 10000000 at a time", "64", NameSource::kNone, nullptr, store_capacity},
    {"KEY",
     "a key of the vip or backend, see docs/configuration.md",
     "table_size",
     NameSource::kNone,
     nullptr,
     store_key},
    {"SETTING",
     "a value as in the file; with brackets in quotes",
     "65537",
     NameSource::kNone,
     nullptr,
     store_setting},
};

}  // namespace

std::span<const ValueKind> edit_kinds() {
  return kKinds;
}

std::string diff_of(const Call& call) {
  return call.arguments.value("against", std::string());
}

Json edit_arguments(const Call& call) {
  const std::string& name = call.pattern->name;
  const bool adds = name.rfind("add", 0) == 0;
  Json out{{"edit", adds ? "add" : name.rfind("del", 0) == 0 ? "delete" : "set"}};
  for (const char* const key : {"vip", "backend"}) {
    if (call.arguments.contains(key)) out[key] = call.arguments[key];
  }
  Json values = Json::array();
  for (const char* const key : kKeys) {
    const auto given = call.arguments.find(key);
    if (given == call.arguments.end()) continue;
    values.push_back({{"key", key}, {"value", given->is_string() ? *given : Json(given->dump())}});
  }
  if (name == "set weights policy") values = rail_values(call.arguments);
  if (name == "set weights policy" || name == "config set rails") out["section"] = "rails";
  if (call.arguments.contains("key"))
    values.push_back({{"key", call.arguments["key"]}, {"value", call.arguments["setting"]}});
  if (!values.empty()) out["values"] = std::move(values);
  return out;
}

}  // namespace fairlead::cli
