// SPDX-License-Identifier: BSD-3-Clause
// One JSON object a decision.
#include "control/shared_operators.hh"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

namespace fairlead::control {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kTrembleMs = 1000;
constexpr std::string_view kDisabled = "disabled/";

std::int64_t wall_of(base::Nanoseconds at, const Clocks& clocks) {
  const auto past = static_cast<std::int64_t>(clocks.monotonic) - static_cast<std::int64_t>(at);
  return clocks.wall_ms - past / static_cast<std::int64_t>(base::kMillisecond);
}

base::Nanoseconds monotonic_of(std::int64_t wall_ms, const Clocks& clocks) {
  const auto at = static_cast<std::int64_t>(clocks.monotonic) -
                  (clocks.wall_ms - wall_ms) * static_cast<std::int64_t>(base::kMillisecond);
  return at <= 0 ? 1 : static_cast<base::Nanoseconds>(at);
}

Json hold_json(const Hold& hold, const Clocks& clocks) {
  Json out{
      {"hold", to_string(hold.kind)},
      {"then", to_string(hold.then)},
      {"since_ms", wall_of(hold.since, clocks)},
      {"flows", hold.flows},
      {"over", hold.over}};
  if (hold.deadline != 0) out["deadline_ms"] = wall_of(hold.deadline, clocks);
  if (!hold.drain) return out;
  out["drain_then"] = to_string(hold.drain->then);
  out["drain_since_ms"] = wall_of(hold.drain->since, clocks);
  out["drain_flows"] = hold.drain->flows;
  out["drain_over"] = hold.drain->over;
  if (hold.drain->deadline != 0) out["drain_deadline_ms"] = wall_of(hold.drain->deadline, clocks);
  return out;
}

Json health_json(const health::Order& order, const Clocks& clocks) {
  Json out{{"up", order.up}};
  if (order.until != 0) out["until_ms"] = wall_of(order.until, clocks);
  return out;
}

Json ramp_json(
    const std::string& node, std::uint32_t to, base::Nanoseconds until, const Clocks& clocks
) {
  return Json{{"node", node}, {"to", to}, {"until_ms", wall_of(until, clocks)}};
}

// Throws what nlohmann throws on a wrong type.
RampElsewhere ramp_of(const Json& row, const Clocks& clocks) {
  return {
      row.at("node").get<std::string>(),
      row.at("to").get<std::uint32_t>(),
      monotonic_of(row.at("until_ms").get<std::int64_t>(), clocks)};
}

/// The drain under a hold; throws what nlohmann throws on a wrong type.
std::optional<Drain> drain_of(const Json& row, const Clocks& clocks) {
  const auto then = then_word(row.value("drain_then", ""));
  if (!then) return std::nullopt;
  Drain drain;
  drain.then = *then;
  drain.since = monotonic_of(row.value("drain_since_ms", clocks.wall_ms), clocks);
  drain.flows = row.value("drain_flows", std::uint64_t{0});
  drain.over = row.value("drain_over", false);
  if (row.contains("drain_deadline_ms"))
    drain.deadline = monotonic_of(row["drain_deadline_ms"].get<std::int64_t>(), clocks);
  return drain;
}

std::optional<Hold> hold_of(const Json& row, const Clocks& clocks) {
  const auto kind = hold_kind(row.value("hold", ""));
  const auto then = then_word(row.value("then", ""));
  if (!kind || !then) return std::nullopt;
  Hold hold;
  hold.kind = *kind;
  hold.then = *then;
  hold.since = monotonic_of(row.value("since_ms", clocks.wall_ms), clocks);
  hold.flows = row.value("flows", std::uint64_t{0});
  hold.over = row.value("over", false);
  if (row.contains("deadline_ms"))
    hold.deadline = monotonic_of(row["deadline_ms"].get<std::int64_t>(), clocks);
  if (hold.kind != HoldKind::kDrain) hold.drain = drain_of(row, clocks);
  return hold;
}

std::optional<health::Order> health_of(const Json& row, const Clocks& clocks) {
  if (!row.contains("up")) return std::nullopt;
  health::Order order;
  order.up = row["up"].get<bool>();
  if (row.contains("until_ms"))
    order.until = monotonic_of(row["until_ms"].get<std::int64_t>(), clocks);
  return order;
}

/// The same to whoever reads it: when it began and with how many flows is only told.
bool alike(const Json& a, const Json& b, const Clocks& clocks) {
  if (!a.is_object() || a.size() != b.size()) return false;
  for (const auto& item : a.items()) {
    const std::string& key = item.key();
    if (!b.contains(key)) return false;
    if (key.ends_with("since_ms") || key.ends_with("flows")) continue;
    if (!key.ends_with("_ms")) {
      if (item.value() != b[key]) return false;
      continue;
    }
    const auto one = item.value().get<std::int64_t>();
    const auto other = b[key].get<std::int64_t>();
    const bool both_past = one <= clocks.wall_ms && other <= clocks.wall_ms;
    if (!both_past && std::llabs(one - other) > kTrembleMs) return false;
  }
  return true;
}

std::string text_of(
    const std::string& name, const Json& now, const fleet::Values& seen, const Clocks& clocks
) {
  const auto old = seen.find(name);
  if (old == seen.end()) return now.dump();
  try {
    if (alike(Json::parse(old->second), now, clocks)) return old->second;
  } catch (const Json::exception&) {
    // Of another version: ours replaces it.
  }
  return now.dump();
}

std::string name_of(const char* kind, const Member& member) {
  return std::string(kind) + "/" + member.first + "/" + member.second;
}

struct Name {
  std::string kind;
  Member member;
};

std::optional<Name> name_parts(const std::string& name) {
  const auto first = name.find('/');
  const auto second = name.find('/', first == std::string::npos ? first : first + 1);
  if (first == std::string::npos || second == std::string::npos) return std::nullopt;
  return Name{
      name.substr(0, first), {name.substr(first + 1, second - first - 1), name.substr(second + 1)}};
}

// Throws what nlohmann throws on a wrong type.
void take(OperatorState& state, const Name& name, const Json& value, const Clocks& clocks) {
  if (name.kind == "hold") {
    if (const auto hold = hold_of(value, clocks)) state.holds[name.member] = *hold;
  } else if (name.kind == "health") {
    if (const auto order = health_of(value, clocks)) state.health[name.member] = *order;
  } else if (name.kind == "weight") {
    const auto weight = value.get<std::uint32_t>();
    if (weight <= 10'000) state.weights[name.member] = weight;
  } else if (name.kind == "ramp") {
    state.ramps_elsewhere[name.member] = ramp_of(value, clocks);
  }
}

}  // namespace

fleet::Values shared_values(
    const OperatorState& state, const fleet::Values& seen, const Clocks& clocks
) {
  fleet::Values out;
  if (state.frozen) out["frozen"] = "true";
  for (const std::string& vip : state.disabled) out[std::string(kDisabled) + vip] = "true";
  for (const auto& [member, weight] : state.weights)
    out[name_of("weight", member)] = std::to_string(weight);
  for (const auto& [member, hold] : state.holds) {
    const std::string name = name_of("hold", member);
    out[name] = text_of(name, hold_json(hold, clocks), seen, clocks);
  }
  for (const auto& [member, order] : state.health) {
    const std::string name = name_of("health", member);
    out[name] = text_of(name, health_json(order, clocks), seen, clocks);
  }
  const auto add_ramp = [&](const Member& member, const Json& ramp) {
    const std::string name = name_of("ramp", member);
    out[name] = text_of(name, ramp, seen, clocks);
  };
  for (const auto& [member, ramp] : state.ramps_elsewhere)
    add_ramp(member, ramp_json(ramp.node, ramp.to, ramp.until, clocks));
  for (const auto& [member, ramp] : state.ramps)
    add_ramp(member, ramp_json(clocks.node, ramp.to, ramp.until, clocks));
  return out;
}

OperatorState with_shared_values(
    OperatorState state, const fleet::Values& values, const Clocks& clocks
) {
  state.frozen = values.count("frozen") > 0;
  state.weights.clear();
  state.holds.clear();
  state.health.clear();
  state.disabled.clear();
  state.ramps_elsewhere.clear();
  for (const auto& [text, value] : values) {
    if (text.starts_with(kDisabled)) state.disabled.insert(text.substr(kDisabled.size()));
    const auto name = name_parts(text);
    if (!name) continue;
    try {
      take(state, *name, Json::parse(value), clocks);
    } catch (const Json::exception&) {
      // Skipped, see above.
    }
  }
  // Our own are known to the fleet by our name; what we do not know of was ended here.
  const RampsElsewhere all = std::exchange(state.ramps_elsewhere, {});
  for (const auto& [member, ramp] : all)
    if (ramp.node != clocks.node) state.ramps_elsewhere[member] = ramp;
  std::erase_if(state.ramps, [&](const auto& own) {
    const auto known = all.find(own.first);
    return known == all.end() || known->second.node != clocks.node;
  });
  return state;
}

bool only_steps(
    const OperatorState& state, const fleet::Values& before, const fleet::Values& after
) {
  const auto changes = fleet::changes_between(before, after);
  return std::all_of(changes.begin(), changes.end(), [&](const fleet::Change& change) {
    const auto name = name_parts(change.name);
    if (!name) return false;
    return name->kind == "ramp" ||
           (name->kind == "weight" && state.ramps_elsewhere.count(name->member) > 0);
  });
}

}  // namespace fairlead::control
