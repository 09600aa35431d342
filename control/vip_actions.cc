// SPDX-License-Identifier: BSD-3-Clause
// Vips that take no new flows by an operator's will.
#include "control/vip_actions.hh"

#include "control/actions.hh"
#include "control/held_back.hh"
#include "dataplane/sys/log.hh"

namespace fairlead::control {

void tell_vip(Node& node, const std::string& vip, std::string cause) {
  const bool disabled = node.operators.disabled.count(vip) > 0;
  sys::log_info((disabled ? "vip is disabled vip=" : "vip is enabled vip=") + vip + " by=" + cause);
  api::Event event;
  event.kind = "drain";
  event.what = disabled ? "disabled" : "enabled";
  event.cause = std::move(cause);
  event.vip = vip;
  node.happenings.tell(std::move(event));
}

Answer change_vip(
    Node& node, Reconciler& reconciler, const api::Request& r, base::Nanoseconds now
) {
  FL_ASSIGN(const Json shown, show_vip(node, r, now));
  OperatorState next = node.operators;
  const bool off = r.command == api::Command::kDisableVip;
  const bool changed = off ? next.disabled.insert(*r.vip).second : next.disabled.erase(*r.vip) > 0;
  if (changed) {
    FL_TRY(decide(node, std::move(next)));
    tell_vip(node, *r.vip, "operator");
    reconciler.mark_dirty(now);
  }
  Json out{{"changed", changed}, {"state", off ? "disabled" : "serving"}};
  out["flows"] = shown["vips"][0]["flows"];
  say_from_when(node, changed, now, out);
  return out;
}

}  // namespace fairlead::control
