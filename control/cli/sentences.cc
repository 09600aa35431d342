// SPDX-License-Identifier: BSD-3-Clause
// Pages that read like sentences: lookup, changes, memory.
#include <algorithm>

#include "control/cli/hold_commands.hh"
#include "control/cli/pages.hh"
#include "control/cli/units.hh"

namespace fairlead::cli {
namespace {

using F = Format;

constexpr Column kCandidates[] = {
    {"CANDIDATE", "index", F::kNumber},
    {"SLOT", "slot", F::kNumber},
    {"BACKEND", "backend"},
    {"STATE", "state"},
    {"SCORE", "score", F::kDecimal},
    {"EJECTED", "ejected", F::kWord},
};

bool has(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) && !object[key].is_null();
}

bool is_true(const Json& object, const char* key) {
  return has(object, key) && object[key].is_boolean() && object[key].get<bool>();
}

std::string endpoint(const Json& arguments, const char* address, const char* port) {
  const std::string host = cell(arguments, address);
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + cell(arguments, port);
}

Json candidates_of(const Json& result) {
  return has(result, "candidates") && result["candidates"].is_array() ? result["candidates"]
                                                                      : Json::array();
}

std::string flow_sentence(const Json& result) {
  const Json flow = has(result, "flow") ? result["flow"] : Json::object();
  if (!is_true(flow, "found")) return "No flow is known";
  std::string sentence = "Flow table of worker " + cell(flow, "worker") +
                         " knows it: " + cell(flow, "state") + ", on " + cell(flow, "backend");
  if (has(flow, "age_ms")) {
    sentence += ", last packet " + cell(flow, "age_ms", F::kMilliseconds) + " ago";
  }
  return sentence;
}

std::string candidate_sentence(const Json& result) {
  std::string sentence;
  for (const Json& candidate : candidates_of(result)) {
    sentence += sentence.empty() ? "" : ", ";
    sentence += cell(candidate, "backend") + " (slot " + cell(candidate, "slot") + ", " +
                cell(candidate, "state");
    if (has(candidate, "score")) sentence += ", score " + cell(candidate, "score", F::kDecimal);
    sentence += ")";
  }
  return sentence.empty() ? "The hash has no candidate" : "Candidates by hash: " + sentence;
}

std::string chosen_sentence(const Json& result) {
  std::string sentence =
      has(result, "chosen")
          ? "It goes to " + cell(result, "chosen") +
                (has(result, "encapsulation") ? " in " + cell(result, "encapsulation") : "")
          : "It goes to no backend";
  if (has(result, "why")) sentence += ": " + cell(result, "why");
  return sentence;
}

std::string subject(const Call& call) {
  std::string who = cell(call.arguments, "backend");
  if (has(call.arguments, "vip")) who += " in vip " + cell(call.arguments, "vip");
  return who;
}

Json memory_row(const Json& result, const char* key, const char* name) {
  Json row = {{"process", name}};
  const Json part = has(result, key) ? result[key] : Json::object();
  for (const char* field :
       {"allocator", "allocator_version", "allocated_bytes", "resident_bytes"}) {
    if (has(part, field)) row[field] = part[field];
  }
  if (has(part, "allocator_version")) {  // jemalloc's ends with a commit: "5.3.0-0-g54ea..."
    const std::string version = cell(part, "allocator_version");
    row["allocator_version"] = version.substr(0, version.find('-'));
  }
  if (has(part, "error")) row["allocator"] = "not reached";
  return row;
}

/// Adds a process's list; what another process has named already is the same region.
void add_list(Json& all, const Json& result, const char* process, const char* key) {
  if (!has(result, process) || !has(result[process], key) || !result[process][key].is_array()) {
    return;
  }
  const Json before = all;
  for (const Json& entry : result[process][key]) {
    const bool known = std::any_of(before.begin(), before.end(), [&](const Json& other) {
      return cell(other, "name") == cell(entry, "name");
    });
    if (!known) all.push_back(entry);
  }
}

}  // namespace

Page lookup_page(const Call& call, const Json& result) {
  const std::string tuple = cell(call.arguments, "protocol") + " " +
                            endpoint(call.arguments, "src", "sport") + " -> " +
                            endpoint(call.arguments, "dst", "dport");
  if (!has(result, "vip")) {
    return {{tuple + " is for no vip: the packet is left to the kernel"}};
  }
  if (call.has_flag("why")) {
    return {{
        tuple + " is for vip " + cell(result, "vip") + ".",
        flow_sentence(result) + ".",
        candidate_sentence(result) + ".",
        chosen_sentence(result) + ".",
    }};
  }
  constexpr Column kSummary[] = {
      {"vip", "vip"},
      {"flow known", "flow.found", F::kWord},
      {"flow backend", "flow.backend"},
      {"flow state", "flow.state"},
      {"chosen", "chosen"},
      {"encapsulation", "encapsulation"},
  };
  const Json rows = candidates_of(result);
  Page page{{list_of(result, kSummary)}};
  if (!rows.empty()) page.blocks.emplace_back(table_of(rows, kCandidates));
  return page;
}

Page done_page(const Call& call, const Json& result) {
  const std::string& name = call.pattern->name;
  std::string line = "OK ";
  if (name == "set backend") {
    line += subject(call) + ": weight " + cell(call.arguments, "weight") +
            (has(result, "ramp_ms") ? " in " + cell(result, "ramp_ms", F::kMilliseconds) : "") +
            (has(result, "note") ? " (" + cell(result, "note") + ")" : "");
  } else if (is_hold(call)) {
    line += hold_sentence(call, subject(call), result);
  } else if (name == "set worker count") {
    line += "workers: " + cell(result, "before") + " before, " + cell(result, "workers") +
            (has(result, "forwarding") ? " from start on; forwarding is stopped" : " now");
  } else if (name == "add port") {
    line += "port " + cell(result, "port") + " added";
  } else if (name == "del port") {
    line += "port " + cell(result, "removed") + " removed";
  } else if (name == "freeze weights") {
    line += "weights are frozen";
  } else if (name == "thaw weights") {
    line += "weights follow measurements";
  } else if (name == "disable vip") {
    line += cell(call.arguments, "vip") + ": no new flows, open ones go on";
  } else if (name == "enable vip") {
    line += cell(call.arguments, "vip") + ": takes new flows";
  } else if (call.pattern->method == "clear stats") {
    line += "what is shown of it counts from now on; metrics go on as they were";
  } else if (name == "clear flow tuple") {
    line += is_true(result, "found")
                ? "forgets the " + cell(result, "state") + " flow on " + cell(result, "backend")
                : "no flow is known";
  } else if (name == "flush flow" && has(result, "complete")) {
    line += cell(result, "flushed", F::kCount) + " flows forgotten" +
            (is_true(result, "complete") ? "" : ", interrupted: the rest is still there");
  } else if (name == "flush flow") {
    line += "flush " + cell(result, "sequence") + ": at most " +
            cell(result, "flows_per_second", F::kCount) +
            " flows a second; show flow stats tells how far it is";
  } else {
    line += name;
  }
  if (has(result, "changed") && result["changed"].is_boolean()) {
    if (!is_true(result, "changed")) line += ", as before";
  } else if (has(result, "changed")) {
    line += ", pools changed: " + cell(result, "changed");
  }
  if (has(result, "flows")) line += ", flows on it: " + cell(result, "flows", F::kCount);
  if (has(result, "waits")) return {{line + ", " + cell(result, "waits")}};
  if (has(result, "generation")) line += ", from generation " + cell(result, "generation") + " on";
  return {{line}};
}

Page memory_page(const Json& result) {
  constexpr Column kProcesses[] = {
      {"PROCESS", "process"},
      {"ALLOCATOR", "allocator"},
      {"VERSION", "allocator_version"},
      {"ALLOCATED", "allocated_bytes", F::kBytes},
      {"RESIDENT", "resident_bytes", F::kBytes},
  };
  constexpr Column kRegions[] = {
      {"REGION", "name"},
      {"KIND", "kind"},
      {"SIZE", "bytes", F::kBytes},
      {"FILE", "path"},
  };
  constexpr Column kPools[] = {
      {"POOL", "name"},
      {"BUFFERS", "size", F::kCount},
      {"IN USE", "in_use", F::kCount},
      {"SIZE", "bytes", F::kBytes},
  };
  Json processes = Json::array();
  for (const auto& [key, name] :
       {std::pair{"control", "fairlead-control"},
        {"dataplane", "fairlead-dataplane"},
        {"agent", "fairlead-agent"},
        {"cli", "fairlead"}}) {
    if (has(result, key)) processes.push_back(memory_row(result, key, name));
  }
  Json regions = Json::array();
  add_list(regions, result, "control", "regions");
  add_list(regions, result, "dataplane", "regions");
  Json pools = Json::array();
  add_list(pools, result, "dataplane", "pools");
  Page page{{table_of(processes, kProcesses)}};
  if (!regions.empty()) page.blocks.emplace_back(table_of(regions, kRegions));
  if (!pools.empty()) page.blocks.emplace_back(table_of(pools, kPools));
  return page;
}

}  // namespace fairlead::cli
