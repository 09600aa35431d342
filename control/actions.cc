// SPDX-License-Identifier: BSD-3-Clause
// freeze, thaw; and which function answers which command.
#include "control/actions.hh"

#include <utility>

#include "control/api/counters.hh"
#include "control/api/request.hh"
#include "control/flow_orders.hh"
#include "control/health_actions.hh"
#include "control/hold_actions.hh"
#include "control/push_reports.hh"
#include "control/route_watch.hh"
#include "control/shared_state.hh"
#include "control/show.hh"
#include "control/spoken_names.hh"
#include "control/table_diff.hh"
#include "control/vip_actions.hh"
#include "control/weight_actions.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::control {
namespace {

using api::Command;

Answer set_log(const api::Request& r) {
  FL_TRY(sys::set_log(*r.level, r.module.value_or("")));
  Json out{{"level", *r.level}};
  if (r.module) out["module"] = *r.module;
  return out;
}

/// Without `after`: the newest ones.
Answer show_events(const Node& node, const api::Request& r) {
  const api::EventRing& ring = node.happenings.events();
  const std::size_t limit = r.limit.value_or(100);
  auto page = ring.read(r.after.value_or(0), r.kind.value_or(""), r.after ? limit : SIZE_MAX);
  if (!r.after && page.events.size() > limit) {
    const auto most = static_cast<std::ptrdiff_t>(page.events.size() - limit);
    page.events.erase(page.events.begin(), page.events.begin() + most);
  }
  Json events = Json::array();
  for (const api::Event& event : page.events) events.push_back(api::to_json(event));
  Json out{{"events", std::move(events)}, {"next", page.next}};
  if (r.after && page.missed != 0) out["missed"] = page.missed;
  return out;
}

Answer freeze(Node& node, Reconciler& reconciler, bool frozen) {
  if (node.operators.frozen != frozen) {
    OperatorState next = node.operators;
    next.frozen = frozen;
    FL_TRY(decide(node, std::move(next)));
    reconciler.hasten_policy();  // also for the reason that `show backend` gives
    sys::log_info(frozen ? "operator froze the weights" : "operator thawed the weights");
    api::Event event;
    event.kind = "weights";
    event.what = frozen ? "frozen" : "thawed";
    event.cause = "operator";
    node.happenings.tell(std::move(event));
  }
  return Json{{"frozen", frozen}};
}

Answer perform(
    Node& node,
    Reconciler& reconciler,
    ChangeControl& changes,
    const api::Request& r,
    base::Nanoseconds now
) {
  switch (r.command) {
    case Command::kShowStatus:
      return show_status(node, now);
    case Command::kShowVersion:
      return Json{{"version", kVersion}};
    case Command::kShowVip:
      return show_vip(node, r, now);
    case Command::kShowBackend:
      return show_backend(node, r, now);
    case Command::kShowTable:
      return show_table(node, r);
    case Command::kShowTableDiff:
      return show_table_diff(node, r);
    case Command::kShowFlow:
    case Command::kShowFlowList:
    case Command::kShowFlowStats:
      return show_flow(node, r, now);
    case Command::kFlushFlow:
      return flush_flows(node, r, now);
    case Command::kClearFlow:
      return clear_flow(node, r, now);
    case Command::kShowStats:
      return show_stats(node, r, now);
    case Command::kShowDrop:
      return show_drop(node, now);
    case Command::kClearStats:
      return clear_stats(node, r, now);
    case Command::kShowHealth:
      return show_health(node, r, now);
    case Command::kShowMemory:
      return show_memory(node);
    case Command::kShowUpdate:
      return show_update(node, now);
    case Command::kShowNodes:
      return show_nodes(node, now);
    case Command::kShowDigest:
      return show_digest(node, now);
    case Command::kAnnounceNode:
    case Command::kWithdrawNode:
    case Command::kLeaveNode:
      return change_routes(node, r, now);
    case Command::kSetBackend:
      return set_backend(node, reconciler, r, now);
    case Command::kReportLoad:
      return push_reports(node, r, now, sys::wall_us());
    case Command::kSetHealth:
      return set_health(node, reconciler, r, now);
    case Command::kShowDrain:
      return show_drain(node, r, now);
    case Command::kDrainBackend:
    case Command::kUndrainBackend:
    case Command::kMaintBackend:
    case Command::kDisableBackend:
    case Command::kEnableBackend:
      return change_hold(node, reconciler, r, now);
    case Command::kDisableVip:
    case Command::kEnableVip:
      return change_vip(node, reconciler, r, now);
    case Command::kFreezeWeights:
      return freeze(node, reconciler, true);
    case Command::kThawWeights:
      return freeze(node, reconciler, false);
    case Command::kShowEvents:
      return show_events(node, r);
    case Command::kSetLog:
      return set_log(r);
    case Command::kLookup:
      return lookup(node, r, now);
    default:
      return changes.answer(r, now);
  }
}

base::Result<bool> save_decisions(const Node& node, OperatorState state) {
  state.left.clear();
  for (const model::Vip& vip : node.config.vips) {
    for (const model::Backend& backend : vip.backends) {
      if (node.intake.has_left(backend.id)) state.left.insert(backend.id);
    }
  }
  return save_operator_state(node.regions.dir + "/state.json", state);
}

}  // namespace

base::Result<bool> decide(Node& node, OperatorState next) {
  if (const auto saved = save_decisions(node, next); !saved)
    return base::annotate("nothing is changed, the decision cannot be kept", saved.error());
  node.decisions_behind = false;
  node.decisions_error.clear();
  node.operators = std::move(next);
  share_operators(node);
  return true;
}

void persist(Node& node) {
  const auto saved = save_decisions(node, node.operators);
  node.decisions_behind = !saved;
  const std::string error =
      saved ? "" : "operators' decisions are not saved: " + saved.error().what;
  if (std::exchange(node.decisions_error, error) != error) {
    if (saved) sys::log_info("operators' decisions are saved again");
    if (!saved) sys::log_error(error);
  }
  share_operators(node);
}

void retry_decisions(Node& node, base::Nanoseconds now) {
  if (!node.decisions_behind || now < node.decisions_retry_at) return;
  node.decisions_retry_at = now + base::kSecond;
  persist(node);
}

Answer answer_call(
    Node& node,
    Reconciler& reconciler,
    ChangeControl& changes,
    const base::Result<api::Request>& request,
    api::Peer peer,
    base::Nanoseconds now
) {
  if (!request) return tl::unexpected<base::Error>(request.error());
  if (api::writes(request->command) && peer != api::Peer::kWriter) {
    return base::fail(
        base::ErrorCode::kPermissionDenied,
        "only root and the user of fairlead-control may change things, run it with sudo"
    );
  }
  const std::size_t workers = api::pages(node.regions.worker_pages()).size();
  FL_ASSIGN(const api::Request named, with_names(node.config, workers, *request));
  Answer out = perform(node, reconciler, changes, named, now);
  if (!out) sys::log_debug("a call is refused: " + out.error().what);
  return out;
}

std::string answer(
    Node& node,
    Reconciler& reconciler,
    ChangeControl& changes,
    const std::string& line,
    api::Peer peer,
    base::Nanoseconds now
) {
  const Answer result = answer_call(node, reconciler, changes, api::parse_request(line), peer, now);
  return result ? api::ok_reply(*result) : api::error_reply(result.error());
}

}  // namespace fairlead::control
