// SPDX-License-Identifier: BSD-3-Clause
// Commands that ask more than one daemon, or one daemon more than once.
#include <algorithm>
#include <filesystem>

#include "control/cli/client.hh"
#include "control/cli/config_commands.hh"
#include "control/cli/ipvs_lines.hh"
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

base::Result<Json> ask_pools(const Place& place, std::chrono::milliseconds timeout) {
  FL_ASSIGN(const Json vips, ask(place.control_socket, "show vip", Json::object(), timeout));
  FL_ASSIGN(
      const Json backends, ask(place.control_socket, "show backend", Json::object(), timeout)
  );
  return Json{{"vips", rows(vips, "vips")}, {"backends", rows(backends, "backends")}};
}

/// Counters of `now` less those of `before`, row by row: what came in the second between.
void take_off(Json& now, const Json& before) {
  for (const char* const list : {"vips", "backends"}) {
    for (Json& row : now[list]) {
      const auto same = [&row](const Json& old) {
        return part(old, "name", Json("")) == part(row, "name", Json("")) &&
               part(old, "id", Json("")) == part(row, "id", Json("")) &&
               part(old, "vip", Json("")) == part(row, "vip", Json(""));
      };
      const Json& rows_before = before[list];
      const auto old = std::find_if(rows_before.begin(), rows_before.end(), same);
      for (const char* const key : {"new_flows", "flows_begun", "packets", "bytes"}) {
        if (!row.contains(key) || old == rows_before.end()) continue;
        const std::uint64_t then = part(*old, key, Json(0U)).get<std::uint64_t>();
        const auto here = row[key].get<std::uint64_t>();
        row[key] = here >= then ? here - then : here;
      }
    }
  }
}

base::Result<LocalAnswer> ipvs(
    const Call& call, const Place& place, std::chrono::milliseconds timeout
) {
  if (call.has_flag("-c"))
    return base::invalid("ipvs -L -c: entries hold no addresses; show flow list has them by id");
  FL_ASSIGN(Json json, ask_pools(place, timeout));
  if (call.is("ipvs -S")) {
    Page page;
    for (const std::string& line : ipvs_saved(json["vips"], json["backends"]))
      page.blocks.emplace_back(line);
    return LocalAnswer{std::move(json), std::move(page)};
  }
  const bool rate = call.has_flag("--rate");
  if (rate && call.has_flag("--stats")) return base::invalid("ipvs -L: give --stats or --rate");
  if (rate) {
    const Json before = std::move(json);
    (void)sleep_for(std::chrono::seconds(1));
    FL_ASSIGN(json, ask_pools(place, timeout));
    take_off(json, before);
  }
  const std::string what = rate ? "rate" : call.has_flag("--stats") ? "stats" : "";
  Page page = ipvs_page(json["vips"], json["backends"], what);
  return LocalAnswer{std::move(json), std::move(page)};
}

/// Control's counters and the data plane's ports; without a data plane there are none.
base::Result<LocalAnswer> clear_stats(const Place& place, std::chrono::milliseconds timeout) {
  Both both = ask_both(place, "clear stats", Json::object(), timeout);
  if (!both.control) return tl::unexpected<base::Error>(both.control.error());
  std::string line = "OK what is shown counts from now on; metrics go on as they were";
  if (!both.dataplane) line += "; not of ports: " + both.dataplane.error().what;
  Json json = std::move(*both.control);
  json["ports"] = both.dataplane ? part(*both.dataplane, "ports", Json(0U)) : Json(0U);
  return LocalAnswer{std::move(json), {{std::move(line)}}};
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
  if (call.pattern->method == "clear stats") return clear_stats(place, timeout);
  if (call.is("config save")) return save_config(call, place, timeout);
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
  std::size_t answered = 0;
  for (const Place& place : all) {
    auto status = ask(place.control_socket, "show status", Json::object(), timeout);
    Json row = status && status->is_object() ? *status : Json{{"error", status.error().what}};
    row["node"] = place.node;
    const std::string digest = cell(row, "digest", F::kText);
    answered += status ? 1 : 0;
    if (status && std::find(digests.begin(), digests.end(), digest) == digests.end())
      digests.push_back(digest);
    nodes.push_back(std::move(row));
  }
  Page page{{table_of(nodes, kNodes)}};
  const bool same = digests.size() == 1 && digests.front() != "-";
  const bool agree = same && answered == all.size();
  if (answered < all.size()) {
    page.blocks.emplace_back(
        std::to_string(answered) + " of " + std::to_string(all.size()) + " nodes answered"
    );
  }
  if (agree) page.blocks.emplace_back("all have the same tables");
  if (digests.size() > 1) {
    page.blocks.emplace_back(
        "their tables differ: weights that follow measurements, or another configuration"
    );
  }
  return LocalAnswer{{{"nodes", std::move(nodes)}, {"agree", agree}}, std::move(page)};
}

}  // namespace fairlead::cli
