// SPDX-License-Identifier: BSD-3-Clause
// Orders are kept here and judged by the book of checks.
#include "control/health_actions.hh"

#include "control/actions.hh"
#include "dataplane/sys/log.hh"

namespace fairlead::control {

Answer set_health(
    Node& node, Reconciler& reconciler, const api::Request& r, base::Nanoseconds now
) {
  FL_ASSIGN(const auto rows, select(node, r));
  const bool ends = *r.health == "auto";
  if (ends && r.lasting)
    return base::invalid("'auto' has no end, leave out the time or set up or down");
  const health::Order order{*r.health == "up", r.lasting ? now + *r.lasting : 0};
  OperatorState next = node.operators;
  std::size_t changed = 0;
  for (const Selected& row : rows) {
    const Member member(row.vip->name, row.backend->id);
    const auto old = next.health.find(member);
    const bool same = old == next.health.end() ? ends : !ends && old->second == order;
    if (same) continue;
    ++changed;
    if (ends) {
      next.health.erase(old);
    } else {
      next.health[member] = order;
    }
  }
  if (changed > 0) {
    FL_TRY(decide(node, std::move(next)));
    reconciler.hasten_health();
    sys::log_info(
        "operator set health=" + *r.health + " backend=" + *r.backend +
        " vip=" + r.vip.value_or("all")
    );
  }
  Json out{{"changed", changed}, {"health", *r.health}};
  if (r.lasting) out["for_ms"] = *r.lasting / base::kMillisecond;
  return out;
}

}  // namespace fairlead::control
