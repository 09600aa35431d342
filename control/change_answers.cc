// SPDX-License-Identifier: BSD-3-Clause
// `config ...` and `show config ...` of the control socket (docs/control-socket.md).
#include <utility>

#include "control/change_control.hh"
#include "control/config/edit.hh"
#include "control/config/key_changes.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::control {
namespace {

using api::Command;
using staging::Moment;
using staging::Staging;

constexpr std::size_t kMostRows = 1000;  // of a diff, in one answer

Json effect_json(const Effect& effect) {
  Json vips = Json::array();
  for (const VipEffect& row : effect.vips) {
    if (row.change.empty() && row.slots_moved == 0 && row.flows_affected == 0) continue;
    vips.push_back(
        {{"vip", row.vip},
         {"change", row.change},
         {"slots", row.slots},
         {"slots_moved", row.slots_moved},
         {"flows_affected", row.flows_affected}}
    );
  }
  Json backends = Json::array();
  for (const BackendEffect& row : effect.backends) {
    if (backends.size() == kMostRows) break;
    backends.push_back(
        {{"vip", row.vip},
         {"backend", row.backend},
         {"change", row.change},
         {"slots_before", row.slots_before},
         {"slots_after", row.slots_after},
         {"flows", row.flows},
         {"flows_affected", row.flows_affected}}
    );
  }
  return Json{
      {"slots_moved", effect.slots_moved},
      {"flows_affected", effect.flows_affected},
      {"vips", std::move(vips)},
      {"backends", std::move(backends)},
      {"backends_total", effect.backends.size()}};
}

}  // namespace

Json ChangeControl::brief(base::Nanoseconds now) const {
  Json out{{"revision", state_.in_force}, {"pending", state_.pending.has_value()}};
  if (state_.pending) out["pending_digest"] = staging::pending_digest(state_);
  if (state_.trial) {
    const base::Nanoseconds end = state_.trial->deadline;
    out["trial"] = {
        {"before", state_.trial->before},
        {"remaining_ms", end > now ? (end - now) / base::kMillisecond : 0}};
  }
  return out;
}

Answer ChangeControl::load(const api::Request& request, base::Nanoseconds now) {
  if (!store_error_.empty()) return base::fail(base::ErrorCode::kDataLoss, store_error_);
  if (request.pending_digest) FL_TRY(Staging::expect(state_, *request.pending_digest));
  const std::string name = request.name.value_or("pending");
  FL_ASSIGN(const config::Config config, config::parse_config(*request.text, name));
  return stage(name, config, "", now);
}

Answer ChangeControl::stage(
    const std::string& name,
    const config::Config& config,
    const std::string& incomplete,
    base::Nanoseconds now
) {
  Effect effect;
  if (incomplete.empty()) {
    FL_ASSIGN(effect, effect_of(node_, config, now));
  }
  const staging::Step step =
      Staging::load(state_, name, staging::digest_of(config.text), Moment{now, sys::wall_s()});
  FL_TRY(save(step.next, config.text));
  const staging::State before = std::exchange(state_, step.next);
  tell(before);
  Json out = brief(now);
  out["changes"] = config.text != node_.config.text;
  if (!incomplete.empty()) {
    out["incomplete"] = incomplete;
    return out;
  }
  out["slots_moved"] = effect.slots_moved;
  out["flows_affected"] = effect.flows_affected;
  out["warnings"] = config.warnings;
  out["needs_restart"] = keys_needing_restart(node_.config, config);
  return out;
}

// A vip is added before its backends, and the last one may go before the next one comes: what is
// pending may lack them, and nothing else.
Answer ChangeControl::edit(const api::Request& request, base::Nanoseconds now) {
  if (!store_error_.empty()) return base::fail(base::ErrorCode::kDataLoss, store_error_);
  if (request.pending_digest) FL_TRY(Staging::expect(state_, *request.pending_digest));
  if (state_.pending && state_.pending->base != state_.in_force) {
    return base::fail(
        base::ErrorCode::kFailedPrecondition,
        "what is pending was made over revision " + std::to_string(state_.pending->base) +
            ", revision " + std::to_string(state_.in_force) + " came since: config discard"
    );
  }
  using Act = config::Edit::Act;
  config::Edit edit;
  edit.act = *request.edit == "add" ? Act::kAdd : *request.edit == "set" ? Act::kSet : Act::kDelete;
  edit.vip = request.vip.value_or("");
  edit.backend = request.backend.value_or("");
  edit.values = request.values;
  if (request.section) edit.section = {"policy", *request.section};
  std::string text = node_.config.text;
  if (state_.pending) {
    FL_ASSIGN(text, store_.pending_text());
  }
  const std::string name = state_.pending ? state_.pending->name : "edited";
  FL_ASSIGN(text, config::edit_config(text, edit));
  FL_ASSIGN(config::Config config, config::parse_config(text, name, config::Purpose::kStage));
  auto complete = config::parse_config(text, name);
  const std::string missing = complete ? "" : complete.error().what;
  if (complete) config = std::move(*complete);
  sys::log_info(
      "operator edited the pending configuration: " + *request.edit + " vip=" + edit.vip +
      " backend=" + edit.backend
  );
  return stage(name, config, missing, now);
}

Answer ChangeControl::diff(base::Nanoseconds now) {
  if (!state_.pending) {
    return base::fail(
        base::ErrorCode::kFailedPrecondition,
        "nothing is pending, load a file first: config load FILE"
    );
  }
  FL_ASSIGN(const std::string text, store_.pending_text());
  FL_ASSIGN(const config::Config config, config::parse_config(text, state_.pending->name));
  FL_ASSIGN(const auto keys, config::changed_keys(node_.config.text, text));
  FL_ASSIGN(const Effect effect, effect_of(node_, config, now));
  Json out = effect_json(effect);
  Json rows = Json::array();
  for (const config::KeyChange& key : keys) {
    if (rows.size() == kMostRows) break;
    Json row{{"key", key.path}};
    if (!key.before.empty()) row["before"] = key.before;
    if (!key.after.empty()) row["after"] = key.after;
    rows.push_back(std::move(row));
  }
  out["keys"] = std::move(rows);
  out["keys_total"] = keys.size();
  out["revision"] = state_.in_force;
  out["base"] = state_.pending->base;
  out["needs_restart"] = keys_needing_restart(node_.config, config);
  return out;
}

void ChangeControl::add_ends(const Done& done, Json& out) {
  if (!done.file_error.empty()) out["file_error"] = done.file_error;
  if (done.etcd_away) out["etcd_away"] = true;
}

Answer ChangeControl::commit(const api::Request& request, base::Nanoseconds now) {
  if (request.pending_digest) FL_TRY(Staging::expect(state_, *request.pending_digest));
  FL_ASSIGN(
      const staging::Step step,
      Staging(node_.config.changes.history)
          .commit(state_, request.trial, request.note.value_or(""), Moment{now, sys::wall_s()})
  );
  FL_ASSIGN(const Done done, carry_out(step, now));
  sys::log_info(
      "operator committed revision=" + std::to_string(state_.in_force) +
      " slots_moved=" + std::to_string(done.effect.slots_moved) +
      (request.trial ? " confirm_ms=" + std::to_string(*request.trial / base::kMillisecond) : "")
  );
  Json out = brief(now);
  out["slots_moved"] = done.effect.slots_moved;
  out["flows_affected"] = done.effect.flows_affected;
  out["needs_restart"] = done.restart;
  out["warnings"] = done.warnings;
  add_ends(done, out);
  return out;
}

Answer ChangeControl::confirm(base::Nanoseconds now) {
  FL_ASSIGN(const staging::Step step, Staging::confirm(state_));
  FL_ASSIGN(const Done done, carry_out(step, now));
  sys::log_info("operator confirmed revision=" + std::to_string(state_.in_force));
  Json out = brief(now);
  add_ends(done, out);
  return out;
}

Answer ChangeControl::roll_back(const api::Request& request, base::Nanoseconds now) {
  FL_ASSIGN(
      const staging::Step step,
      Staging(node_.config.changes.history)
          .roll_back(
              state_, request.revision, request.note.value_or(""), Moment{now, sys::wall_s()}
          )
  );
  FL_ASSIGN(const Done done, carry_out(step, now));
  sys::log_info(
      "operator rolled back to=" + std::to_string(step.revision) +
      " revision=" + std::to_string(state_.in_force)
  );
  Json out = brief(now);
  out["says"] = step.revision;
  out["slots_moved"] = done.effect.slots_moved;
  out["flows_affected"] = done.effect.flows_affected;
  out["needs_restart"] = done.restart;
  add_ends(done, out);
  return out;
}

Answer ChangeControl::discard() {
  FL_ASSIGN(const staging::Step step, Staging::discard(state_));
  FL_TRY(save(step.next, ""));
  const staging::State before = std::exchange(state_, step.next);
  tell(before);
  return Json{{"revision", state_.in_force}, {"pending", false}};
}

Answer ChangeControl::show_running() const {
  return Json{{"revision", state_.in_force}, {"file", file_}, {"text", node_.config.text}};
}

Answer ChangeControl::show_pending() const {
  if (!state_.pending) return Json{{"pending", false}};
  FL_ASSIGN(std::string text, store_.pending_text());
  return Json{
      {"pending", true},
      {"name", state_.pending->name},
      {"base", state_.pending->base},
      {"at_s", state_.pending->at_s},
      {"text", std::move(text)}};
}

Answer ChangeControl::show_history(base::Nanoseconds now) const {
  Json out = brief(now);
  Json rows = Json::array();
  for (auto r = state_.history.rbegin(); r != state_.history.rend(); ++r) {
    const bool current = r->number == state_.in_force;
    rows.push_back(
        {{"revision", r->number},
         {"at_s", r->at_s},
         {"origin", r->origin},
         {"note", r->note},
         {"digest", hex64(r->digest)},
         {"state",
          !current       ? ""
          : state_.trial ? "on trial"
                         : "in force"}}
    );
  }
  out["revisions"] = std::move(rows);
  out["directory"] = store_.directory();
  if (!node_.history_error.empty()) out["error"] = node_.history_error;
  return out;
}

Answer ChangeControl::answer(const api::Request& request, base::Nanoseconds now) {
  switch (request.command) {
    case Command::kConfigLoad:
      return load(request, now);
    case Command::kConfigEdit:
      return edit(request, now);
    case Command::kConfigDiff:
      return diff(now);
    case Command::kConfigCommit:
      return commit(request, now);
    case Command::kConfigConfirm:
      return confirm(now);
    case Command::kConfigRollback:
      return roll_back(request, now);
    case Command::kConfigDiscard:
      return discard();
    case Command::kConfigReload:
      FL_TRY(reload("reload", now));
      return brief(now);
    case Command::kConfigShare:
      return share(request);
    case Command::kShowConfig:
      return show_running();
    case Command::kShowConfigPending:
      return show_pending();
    case Command::kShowConfigHistory:
      return show_history(now);
    default:
      return base::fail(base::ErrorCode::kInternal, "command without function");
  }
}

}  // namespace fairlead::control
