// SPDX-License-Identifier: BSD-3-Clause
// Weights that operators set.
#include "control/weight_actions.hh"

#include "control/actions.hh"
#include "control/held_back.hh"
#include "control/hold_actions.hh"
#include "control/model/names.hh"
#include "dataplane/sys/log.hh"

namespace fairlead::control {
namespace {

void take_effect(Reconciler& reconciler, base::Nanoseconds now) {
  reconciler.hasten_policy();
  reconciler.mark_dirty(now);
}

/// Why a weight that was set is not the one in force; "": it is.
std::string weight_note(const Node& node, std::uint32_t weight) {
  using P = model::PolicyName;
  const P policy = node.config.policy;
  const bool measured =
      policy == P::kWrr || policy == P::kAdaptive || policy == P::kEg || policy == P::kActorCritic;
  if (!measured || weight == 0 || node.operators.frozen) return "";
  return "policy " + std::string(model::to_string(policy)) +
         " follows measurements: it counts until the backend reports";
}

/// The ramp of a member from what it has to `r.weight`; its first step is where it stands.
std::uint32_t begin_ramp(
    OperatorState& state,
    const Member& member,
    std::uint32_t from,
    const api::Request& r,
    base::Nanoseconds now
) {
  end_ramps(state, member);
  if (!r.ramp || from == *r.weight) return *r.weight;
  state.ramps.emplace(member, Ramp{from, *r.weight, from, now, now + *r.ramp});
  return from;
}

/// Whose ramp a weight ends; "": nobody's but this node's.
std::string ramps_ended(const OperatorState& before, const std::vector<Selected>& rows) {
  for (const Selected& row : rows) {
    const auto ramp = before.ramps_elsewhere.find({row.vip->name, row.backend->id});
    if (ramp != before.ramps_elsewhere.end())
      return "ends the ramp that node " + ramp->second.node + " began";
  }
  return "";
}

}  // namespace

void tell_ramp(Node& node, const Member& member, std::string what, std::string cause) {
  sys::log_info(what + " vip=" + member.first + " backend=" + member.second + " by=" + cause);
  api::Event event;
  event.kind = "weights";
  event.what = std::move(what);
  event.cause = std::move(cause);
  event.vip = member.first;
  event.backend = member.second;
  node.happenings.tell(std::move(event));
}

Answer set_backend(
    Node& node, Reconciler& reconciler, const api::Request& r, base::Nanoseconds now
) {
  FL_ASSIGN(const auto rows, select(node, r));
  OperatorState next = node.operators;
  OperatorState at_the_end = node.operators;
  std::size_t changed = 0;
  for (const Selected& row : rows) {
    const Member member(row.vip->name, row.backend->id);
    const std::uint32_t before = base_weight(node, *row.vip, *row.backend);
    if (before != *r.weight) ++changed;
    at_the_end.weights[member] = *r.weight;
    at_the_end.ramps.erase(member);
    next.weights[member] = begin_ramp(next, member, before, r, now);
  }
  FL_TRY(keeps_takers(node, at_the_end, rows));
  std::string note = ramps_ended(node.operators, rows);
  if (next != node.operators) {
    FL_TRY(decide(node, std::move(next)));
    node.weights.end_hold();
    take_effect(reconciler, now);
  }
  if (r.ramp && changed > 0)
    tell_ramp(node, {r.vip.value_or(""), *r.backend}, "ramp begins", "operator");
  Json out{{"changed", changed}};
  say_from_when(node, changed > 0, now, out);
  if (r.ramp) out["ramp_ms"] = *r.ramp / base::kMillisecond;
  sys::log_info(
      "operator set weight=" + std::to_string(*r.weight) + " backend=" + *r.backend +
      " vip=" + r.vip.value_or("all")
  );
  if (note.empty()) note = weight_note(node, *r.weight);
  if (!note.empty()) out["note"] = note;
  return out;
}

void RampWatch::tick(Node& node, Reconciler& reconciler, base::Nanoseconds now) {
  if (node.operators.ramps.empty() || now < due_) return;
  due_ = now + kRampStep;
  const RampsMoved moved = move_ramps(node.operators.ramps, node.operators.weights, now);
  for (const Member& member : moved.arrived) tell_ramp(node, member, "ramp ends", "its time");
  for (const Member& member : moved.given_up)
    tell_ramp(node, member, "ramp ends", "a new configuration came into force");
  if (!moved.changed) return;
  persist(node);
  take_effect(reconciler, now);
}

}  // namespace fairlead::control
