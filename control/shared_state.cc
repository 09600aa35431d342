// SPDX-License-Identifier: BSD-3-Clause
// Between the node's state and the fleet's.
#include "control/shared_state.hh"

#include <utility>

#include "control/actions.hh"
#include "control/api/counters.hh"
#include "control/etcd/settings.hh"
#include "control/shared_operators.hh"
#include "control/vip_actions.hh"
#include "control/weight_actions.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::control {
namespace {

Clocks clocks_of(const Node& node) {
  return {
      sys::monotonic_ns(), static_cast<std::int64_t>(sys::wall_us() / 1000), node.config.node.id};
}

void tell_frozen(Node& node) {
  api::Event event;
  event.kind = "weights";
  event.what = node.operators.frozen ? "frozen" : "thawed";
  event.cause = "operator, on another node";
  node.happenings.tell(std::move(event));
}

void tell_holds(Node& node, const Holds& before) {
  const auto tell = [&](const Member& member, std::string what) {
    sys::log_info("fleet: " + what + " vip=" + member.first + " backend=" + member.second);
    api::Event event;
    event.kind = "drain";
    event.what = std::move(what);
    event.cause = "operator, on another node";
    event.vip = member.first;
    event.backend = member.second;
    node.happenings.tell(std::move(event));
  };
  for (const auto& [member, hold] : node.operators.holds)
    if (before.count(member) == 0) tell(member, std::string(to_string(hold.kind)) + " begins");
  for (const auto& [member, hold] : before)
    if (node.operators.holds.count(member) == 0)
      tell(member, std::string(to_string(hold.kind)) + " ends");
}

void tell_vips(Node& node, const std::set<std::string>& before) {
  const std::set<std::string>& after = node.operators.disabled;
  for (const std::string& vip : after)
    if (before.count(vip) == 0) tell_vip(node, vip, "operator, on another node");
  for (const std::string& vip : before)
    if (after.count(vip) == 0) tell_vip(node, vip, "operator, on another node");
}

/// Own ramps that the fleet ended.
void tell_ramps(Node& node, const Ramps& before) {
  for (const auto& [member, ramp] : before) {
    if (node.operators.ramps.count(member) > 0) continue;
    const auto other = node.operators.ramps_elsewhere.find(member);
    tell_ramp(
        node,
        member,
        "ramp ends",
        other == node.operators.ramps_elsewhere.end() ? "another weight was set, on another node"
                                                      : "node " + other->second.node + " ramps it"
    );
  }
}

}  // namespace

base::Result<std::unique_ptr<fleet::Store>> open_store(
    const config::Config& config, const std::string& runtime_dir, std::function<void()> changed
) {
  if (config.fleet.etcd.endpoints.empty()) return std::unique_ptr<fleet::Store>();
  FL_ASSIGN(etcd::Settings settings, etcd::settings_of(config.fleet.etcd));
  return fleet::Store::open(
      {std::move(settings),
       config.fleet.etcd.prefix,
       runtime_dir + "/fleet.json",
       std::move(changed)}
  );
}

void share_operators(Node& node) {
  if (!node.store) return;
  fleet::Values now = shared_values(node.operators, node.shared_seen, clocks_of(node));
  const auto changes = fleet::changes_between(node.shared_seen, now);
  if (changes.empty()) return;
  node.store->write(changes);
  node.shared_seen = std::move(now);
}

void SharedState::tick(
    Node& node, Reconciler& reconciler, ChangeControl& changes, base::Nanoseconds now
) {
  if (!node.store) return;
  tell_away(node);
  const fleet::Store::State state = node.store->state();
  if (!state.known || state.turn == turn_) return;
  turn_ = state.turn;
  if (take_bases(node.bases, node.store->bases())) reconciler.mark_dirty(now);
  take_operators(node, reconciler, now);
  changes.take_shared(now);
}

void SharedState::take_operators(Node& node, Reconciler& reconciler, base::Nanoseconds now) {
  const Clocks clocks = clocks_of(node);
  const fleet::Values values = node.store->read();
  OperatorState next = with_shared_values(node.operators, values, clocks);
  fleet::Values fresh = shared_values(next, values, clocks);
  const bool first = !std::exchange(node.store_heard, true);
  if (!first && fresh == node.shared_seen) return;
  // What both say keeps this node's own form of it: times in its clock, flows that it counted.
  const fleet::Values own = shared_values(node.operators, values, clocks);
  for (auto& [member, hold] : next.holds) {
    const auto old = node.operators.holds.find(member);
    const std::string name = "hold/" + member.first + "/" + member.second;
    const auto text = own.find(name);
    if (old != node.operators.holds.end() && text != own.end() && text->second == fresh.at(name))
      hold = old->second;
  }
  const Holds before = node.operators.holds;
  const std::set<std::string> disabled = node.operators.disabled;
  const Ramps ramps = node.operators.ramps;
  const bool thawed = node.operators.frozen && !next.frozen;
  const bool turned = node.operators.frozen != next.frozen;
  node.operators = std::move(next);
  node.shared_seen = std::move(fresh);
  persist(node);
  tell_holds(node, before);
  tell_vips(node, disabled);
  tell_ramps(node, ramps);
  if (turned) tell_frozen(node);
  if (thawed || own != node.shared_seen) {
    if (thawed || !only_steps(node.operators, own, node.shared_seen)) node.weights.end_hold();
    reconciler.hasten_policy();
    reconciler.hasten_health();
    reconciler.mark_dirty(now);
  }
}

// A daemon that starts has not asked yet: only what lasts is told.
void SharedState::tell_away(const Node& node) {
  const fleet::Store::State state = node.store->state();
  const bool away = state.away && !state.trouble.empty();
  if (away == away_) return;
  away_ = away;
  if (away) {
    sys::log_error("etcd is away, things stay as they are: " + state.trouble);
  } else {
    sys::log_info("etcd is back revision=" + std::to_string(state.revision));
  }
}

nlohmann::json show_store(const Node& node) {
  const fleet::Store::State state = node.store->state();
  nlohmann::json out{
      {"away", state.away},
      {"revision", state.revision},
      {"waiting", state.waiting},
      {"dropped", state.dropped},
      {"configuration", node.shared_config_from}};
  if (!state.trouble.empty()) out["error"] = state.trouble;
  if (!node.shared_config_error.empty()) out["configuration_error"] = node.shared_config_error;
  return out;
}

}  // namespace fairlead::control
