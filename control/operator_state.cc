// SPDX-License-Identifier: BSD-3-Clause
// The state file: JSON, checked field by field.
#include "control/operator_state.hh"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "dataplane/sys/unique_fd.hh"

namespace fairlead::control {
namespace {

using Json = nlohmann::json;
constexpr int kFormat = 1;

std::optional<Member> member_of(const Json& row) {
  if (!row.is_object() || !row.contains("vip") || !row.contains("backend")) return std::nullopt;
  if (!row["vip"].is_string() || !row["backend"].is_string()) return std::nullopt;
  return Member(row["vip"], row["backend"]);
}

/// The drain under a hold; nullopt: none, or a damaged one.
std::optional<Drain> drain_of(const Json& row) {
  if (!row.contains("drain_then") || !row["drain_then"].is_string()) return std::nullopt;
  const auto then = then_word(row["drain_then"].get<std::string>());
  if (!then) return std::nullopt;
  const auto number = [&](const char* key) {
    const Json value = row.value(key, Json(0U));
    return value.is_number_unsigned() ? value.get<std::uint64_t>() : 0;
  };
  return Drain{
      number("drain_since_ns"),
      number("drain_deadline_ns"),
      *then,
      number("drain_flows"),
      row.value("drain_over", Json(false)) == true};
}

Json hold_row(const Member& member, const Hold& hold) {
  Json row{
      {"vip", member.first},
      {"backend", member.second},
      {"hold", to_string(hold.kind)},
      {"then", to_string(hold.then)},
      {"since_ns", hold.since},
      {"deadline_ns", hold.deadline},
      {"flows", hold.flows},
      {"over", hold.over}};
  if (!hold.drain) return row;
  row["drain_then"] = to_string(hold.drain->then);
  row["drain_since_ns"] = hold.drain->since;
  row["drain_deadline_ns"] = hold.drain->deadline;
  row["drain_flows"] = hold.drain->flows;
  row["drain_over"] = hold.drain->over;
  return row;
}

// Rows of older versions name the member alone: a drain without end.
std::optional<Hold> hold_of(const Json& row) {
  Hold hold;
  for (const auto& [key, number] :
       {std::pair{"since_ns", &hold.since}, {"deadline_ns", &hold.deadline}}) {
    if (!row.contains(key)) continue;
    if (!row[key].is_number_unsigned()) return std::nullopt;
    *number = row[key].get<base::Nanoseconds>();
  }
  if (row.contains("flows") && row["flows"].is_number_unsigned())
    hold.flows = row["flows"].get<std::uint64_t>();
  if (row.contains("over") && row["over"].is_boolean()) hold.over = row["over"].get<bool>();
  const auto word = [&](const char* key, std::string_view otherwise) {
    return row.contains(key) && row[key].is_string() ? row[key].get<std::string>()
                                                     : std::string(otherwise);
  };
  const auto kind = hold_kind(word("hold", to_string(HoldKind::kDrain)));
  const auto then = then_word(word("then", to_string(Then::kKeep)));
  if (!kind || !then) return std::nullopt;
  hold.kind = *kind;
  hold.then = *then;
  if (hold.kind != HoldKind::kDrain) hold.drain = drain_of(row);
  return hold;
}

std::optional<Ramp> ramp_of(const Json& row) {
  Ramp ramp;
  for (const auto& [key, weight] :
       {std::pair{"from", &ramp.from}, {"to", &ramp.to}, {"now", &ramp.now}}) {
    if (!row.contains(key) || !row[key].is_number_unsigned()) return std::nullopt;
    const auto whole = row[key].get<std::uint64_t>();
    if (whole > 10'000) return std::nullopt;
    *weight = static_cast<std::uint32_t>(whole);
  }
  for (const auto& [key, at] : {std::pair{"since_ns", &ramp.since}, {"until_ns", &ramp.until}}) {
    if (!row.contains(key) || !row[key].is_number_unsigned()) return std::nullopt;
    *at = row[key].get<base::Nanoseconds>();
  }
  return ramp;
}

/// False: not a list of weights, or of ramps.
bool weights_of(const Json& list, SetWeights& weights) {
  for (const Json& row : list) {
    const auto member = member_of(row);
    if (!member || !row.contains("weight") || !row["weight"].is_number_unsigned()) return false;
    const auto weight = row["weight"].get<std::uint64_t>();
    if (weight > 10'000) return false;
    weights[*member] = static_cast<std::uint32_t>(weight);
  }
  return list.is_array();
}

bool ramps_of(const Json& list, Ramps& ramps) {
  for (const Json& row : list) {
    const auto member = member_of(row);
    const auto ramp = ramp_of(row);
    if (!member || !ramp) return false;
    ramps.emplace(*member, *ramp);
  }
  return list.is_array();
}

/// False: not what to_text() wrote.
bool set_aside_of(const Json& row, std::optional<SetAside>& aside) {
  if (!row.is_object() || !row.contains("digest") || !row["digest"].is_number_unsigned())
    return false;
  aside.emplace().digest = row["digest"].get<std::uint64_t>();
  return weights_of(row.value("weights", Json()), aside->weights) &&
         ramps_of(row.value("ramps", Json()), aside->ramps);
}

/// False: not a list of texts.
bool names_of(const Json& list, std::set<std::string>& names) {
  for (const Json& name : list) {
    if (!name.is_string()) return false;
    names.insert(name.get<std::string>());
  }
  return list.is_array();
}

std::optional<OperatorState> from_json(const Json& root) {
  OperatorState state;
  if (!root.is_object() || root.value("format", Json()) != kFormat) return std::nullopt;
  for (const char* list : {"weights", "drained", "left"}) {
    if (!root.contains(list) || !root[list].is_array()) return std::nullopt;
  }
  if (!root.contains("frozen") || !root["frozen"].is_boolean()) return std::nullopt;
  state.frozen = root["frozen"].get<bool>();
  state.withdrawn = root.value("withdrawn", Json(false)) == true;  // older versions have none
  if (!weights_of(root["weights"], state.weights)) return std::nullopt;
  for (const Json& row : root["drained"]) {
    const auto member = member_of(row);
    const auto hold = hold_of(row);
    if (!member || !hold) return std::nullopt;
    state.holds.emplace(*member, *hold);
  }
  // Older versions have none.
  for (const Json& row : root.value("health", Json::array())) {
    const auto member = member_of(row);
    if (!member || !row.contains("up") || !row["up"].is_boolean() || !row.contains("until_ns") ||
        !row["until_ns"].is_number_unsigned())
      return std::nullopt;
    state.health[*member] = {row["up"].get<bool>(), row["until_ns"].get<base::Nanoseconds>()};
  }
  if (!ramps_of(root.value("ramps", Json::array()), state.ramps)) return std::nullopt;
  if (root.contains("set_aside") && !set_aside_of(root["set_aside"], state.set_aside))
    return std::nullopt;
  if (!names_of(root["left"], state.left)) return std::nullopt;
  if (!names_of(root.value("disabled", Json::array()), state.disabled)) return std::nullopt;
  return state;
}

Json weights_json(const SetWeights& weights) {
  Json rows = Json::array();
  for (const auto& [member, weight] : weights)
    rows.push_back({{"vip", member.first}, {"backend", member.second}, {"weight", weight}});
  return rows;
}

Json ramps_json(const Ramps& ramps) {
  Json rows = Json::array();
  for (const auto& [member, ramp] : ramps) {
    rows.push_back(
        {{"vip", member.first},
         {"backend", member.second},
         {"from", ramp.from},
         {"to", ramp.to},
         {"now", ramp.now},
         {"since_ns", ramp.since},
         {"until_ns", ramp.until}}
    );
  }
  return rows;
}

std::string to_text(const OperatorState& state) {
  Json root{{"format", kFormat}, {"frozen", state.frozen}, {"withdrawn", state.withdrawn}};
  root["weights"] = weights_json(state.weights);
  root["drained"] = Json::array();
  root["left"] = Json(state.left);
  root["disabled"] = Json(state.disabled);
  root["ramps"] = ramps_json(state.ramps);
  if (const auto& aside = state.set_aside) {
    root["set_aside"] = {
        {"digest", aside->digest},
        {"weights", weights_json(aside->weights)},
        {"ramps", ramps_json(aside->ramps)}};
  }
  root["health"] = Json::array();
  for (const auto& [member, order] : state.health) {
    root["health"].push_back(
        {{"vip", member.first},
         {"backend", member.second},
         {"up", order.up},
         {"until_ns", order.until}}
    );
  }
  for (const auto& [member, hold] : state.holds) root["drained"].push_back(hold_row(member, hold));
  return root.dump(2) + "\n";
}

}  // namespace

std::set<std::string> forget_gone_vips(OperatorState& state, const std::vector<model::Vip>& vips) {
  std::set<std::string> gone;
  const auto forget = [&](const std::string& name) {
    const bool there = std::any_of(vips.begin(), vips.end(), [&](const model::Vip& vip) {
      return vip.name == name;
    });
    if (!there) gone.insert(name);
    return !there;
  };
  const auto of_member = [&](const auto& decision) { return forget(decision.first.first); };
  std::erase_if(state.disabled, forget);
  std::erase_if(state.holds, of_member);
  std::erase_if(state.health, of_member);
  std::erase_if(state.weights, of_member);
  std::erase_if(state.ramps, of_member);
  std::erase_if(state.ramps_elsewhere, of_member);
  return gone;
}

bool end_trial(OperatorState& state, std::uint64_t digest) {
  const auto aside = std::exchange(state.set_aside, std::nullopt);
  if (!aside) return false;
  if (aside->digest == digest) {
    state.weights = aside->weights;
    state.ramps = aside->ramps;
  }
  return true;
}

void end_ramps(OperatorState& state, const Member& member) {
  state.ramps.erase(member);
  state.ramps_elsewhere.erase(member);
}

base::Result<OperatorState> load_operator_state(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 && errno == ENOENT) return OperatorState{};
  std::ifstream in(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  const auto state = from_json(Json::parse(text, nullptr, false));
  if (!state) {
    return base::fail(
        base::ErrorCode::kDataLoss,
        path + ": not a state file of this version, remove it to forget drains and weights"
    );
  }
  return *state;
}

base::Result<bool> save_operator_state(const std::string& path, const OperatorState& state) {
  const std::string beside = path + ".new";
  const std::string text = to_text(state);
  sys::UniqueFd fd(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd.valid()) return base::system_error("open " + beside, errno);
  // No fsync: the runtime directory is memory. The file outlives the process, not the host, and a
  // command's way to the workers does not wait for a disk.
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return base::system_error("write " + beside, errno);
  }
  if (::rename(beside.c_str(), path.c_str()) != 0)
    return base::system_error("rename " + beside, errno);
  return true;
}

}  // namespace fairlead::control
