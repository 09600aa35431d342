// SPDX-License-Identifier: BSD-3-Clause
// Commands that ask more than one daemon, or one daemon more than once.
#include <algorithm>
#include <filesystem>

#include "control/cli/client.hh"
#include "control/cli/packet_commands.hh"
#include "control/cli/pages.hh"
#include "control/cli/run_commands.hh"
#include "control/cli/session.hh"

namespace fairlead::cli {
namespace {

using F = Format;
using Asked = base::Result<Json>;

struct Both {
  Asked control;
  Asked dataplane;
};

Both ask_both(
    const Place& place,
    std::string_view method,
    const Json& arguments,
    std::chrono::milliseconds timeout
) {
  return {
      ask(place.control_socket, method, arguments, timeout),
      ask(place.dataplane_socket, method, arguments, timeout)};
}

base::Result<LocalAnswer> memory(const Place& place, std::chrono::milliseconds timeout) {
  Json json;
  if (std::filesystem::path(place.control_socket).filename() == "agent.sock") {
    FL_ASSIGN(json["agent"], ask(place.control_socket, "show memory", Json::object(), timeout));
    json["cli"] = own_memory();
    Page page = memory_page(json);
    return LocalAnswer{std::move(json), std::move(page)};
  }
  const Both both = ask_both(place, "show memory", Json::object(), timeout);
  if (!both.control && !both.dataplane) return tl::unexpected<base::Error>(both.control.error());
  json["control"] = both.control ? *both.control : Json{{"error", both.control.error().what}};
  json["dataplane"] =
      both.dataplane ? *both.dataplane : Json{{"error", both.dataplane.error().what}};
  json["cli"] = own_memory();
  Page page = memory_page(json);
  return LocalAnswer{std::move(json), std::move(page)};
}

LocalAnswer version(const Place& place, std::chrono::milliseconds timeout) {
  constexpr Column kVersions[] = {
      {"fairlead", "cli"},
      {"fairlead-control", "control"},
      {"fairlead-dataplane", "dataplane"},
  };
  const Both both = ask_both(place, "show status", Json::object(), timeout);
  const auto version_of = [](const Asked& asked) {
    return asked ? cell(*asked, "version", F::kText) : std::string("not running");
  };
  Json json = {
      {"cli", FL_VERSION},
      {"control", version_of(both.control)},
      {"dataplane", version_of(both.dataplane)}};
  Page page{{list_of(json, kVersions)}};
  return {std::move(json), std::move(page)};
}

base::Result<LocalAnswer> set_log(
    const Call& call, const Place& place, std::chrono::milliseconds timeout
) {
  const Both both = ask_both(place, "set log", call.arguments, timeout);
  if (!both.control && !both.dataplane) return tl::unexpected<base::Error>(both.control.error());
  Json json = {{"level", call.arguments["level"]}};
  std::string line = "OK log level " + call.arguments.value("level", "");
  for (const auto& [name, asked] :
       {std::pair{"control", &both.control}, {"dataplane", &both.dataplane}}) {
    json[name] = asked->has_value();
    if (!*asked) line += "; not in fairlead-" + std::string(name) + ": " + asked->error().what;
  }
  return LocalAnswer{std::move(json), {{std::move(line)}}};
}

base::Result<LocalAnswer> ipvs(
    const Call& call, const Place& place, std::chrono::milliseconds timeout
) {
  Json json;
  FL_ASSIGN(const Json vips, ask(place.control_socket, "show vip", Json::object(), timeout));
  FL_ASSIGN(
      const Json backends, ask(place.control_socket, "show backend", Json::object(), timeout)
  );
  json["vips"] = rows(vips, "vips");
  json["backends"] = rows(backends, "backends");
  Page page = ipvs_page(json["vips"], json["backends"], call.has_flag("--stats") ? "stats" : "");
  return LocalAnswer{std::move(json), std::move(page)};
}

}  // namespace

base::Result<LocalAnswer> answer_locally(
    const Call& call, const Place& place, std::chrono::milliseconds timeout
) {
  if (call.is("show memory")) return memory(place, timeout);
  if (call.is("dump table")) return dump_table(call, place);
  if (call.pattern->method == "trace start") return trace_packets(call, place, timeout);
  if (call.pattern->method == "set log") return set_log(call, place, timeout);
  if (call.pattern->name.rfind("ipvs", 0) == 0) return ipvs(call, place, timeout);
  return version(place, timeout);
}

base::Result<LocalAnswer> answer_nodes(
    const std::vector<Place>& all, std::chrono::milliseconds timeout
) {
  constexpr Column kNodes[] = {
      {"NODE", "node"},
      {"GENERATION", "generation", F::kNumber},
      {"DIGEST", "digest"},
      {"POLICY", "policy"},
      {"HEALTHY", "healthy", F::kCount},
      {"BACKENDS", "backends", F::kCount},
      {"DATA PLANE", "dataplane.running", F::kWord},
      {"FROZEN", "frozen", F::kWord},
      {"ERROR", "error"},
  };
  Json nodes = Json::array();
  std::vector<std::string> digests;
  for (const Place& place : all) {
    auto status = ask(place.control_socket, "show status", Json::object(), timeout);
    Json row = status && status->is_object() ? *status : Json{{"error", status.error().what}};
    row["node"] = place.node;
    const std::string digest = cell(row, "digest", F::kText);
    if (std::find(digests.begin(), digests.end(), digest) == digests.end())
      digests.push_back(digest);
    nodes.push_back(std::move(row));
  }
  Page page{{table_of(nodes, kNodes)}};
  const bool agree = digests.size() == 1 && digests.front() != "-";
  page.blocks.emplace_back(std::string(
      agree ? "all have the same tables"
            : "their tables differ: weights that follow measurements, or another configuration"
  ));
  return LocalAnswer{{{"nodes", std::move(nodes)}, {"agree", agree}}, std::move(page)};
}

}  // namespace fairlead::cli
