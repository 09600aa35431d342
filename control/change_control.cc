// SPDX-License-Identifier: BSD-3-Clause
// Check, rehearse, save, apply: in this order, so that each step can still say no.
#include "control/change_control.hh"

#include <chrono>
#include <utility>

#include "control/actions.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::control {
namespace {

using staging::Moment;
using staging::Staging;
using staging::Step;

constexpr base::Nanoseconds kRetry = base::kSecond;  // a trial's end that could not be carried out

/// Where nodes have files of their own a vip may come to this one that is disabled in the fleet.
void add_held_vips(
    const Node& node, const config::Config& next, std::vector<std::string>& warnings
) {
  for (const model::Vip& vip : next.vips) {
    if (find_vip(node, vip.name) == nullptr && node.operators.disabled.count(vip.name) > 0)
      warnings.push_back("vip " + vip.name + " is disabled by an operator: enable vip " + vip.name);
  }
}

}  // namespace

ChangeControl::ChangeControl(
    Node& node, Reconciler& reconciler, std::string file, std::function<void()> applied
)
    : node_(node),
      reconciler_(reconciler),
      file_(std::move(file)),
      applied_(std::move(applied)),
      store_(node.config.changes.directory) {}

config::Config ChangeControl::begin(config::Config from_file, base::Nanoseconds now) {
  if (auto shared = overlaid(from_file)) {
    from_file = std::move(*shared);
  } else {
    sys::log_error("the node's own file counts: " + shared.error().what);
  }
  auto loaded = store_.open();
  if (!loaded) {
    store_error_ = loaded.error().what;
    sys::log_error("no staged changes: " + store_error_);
    return from_file;
  }
  state_ = std::move(loaded->state);
  const Staging staging(from_file.changes.history);
  const Step step = staging.resume(
      state_,
      staging::digest_of(from_file.text),
      loaded->boot_id == boot_id(),
      Moment{now, sys::wall_s()}
  );
  config::Config config = from_file;
  std::string text = from_file.text;
  if (step.text == Step::Text::kRevision) {
    auto revision = config_of(step);
    if (!revision) {
      sys::log_error("the file counts: " + revision.error().what);
      state_ = {};  // numbers begin anew: the revisions are of another version
      return from_file;
    }
    config = std::move(*revision);
    text = config.text;
    keep_process_values(from_file, config);
  }
  if (const auto saved = store_.save(state_, step.next, text); !saved)
    sys::log_error("the history is not saved: " + saved.error().what);
  state_ = step.next;
  if (step.replace_file) (void)write_file(text);
  sys::log_info(
      "configuration revision=" + std::to_string(state_.in_force) +
      (state_.trial ? " on trial, back to " + std::to_string(state_.trial->before) : "")
  );
  return config;
}

base::Result<config::Config> ChangeControl::config_of(const Step& step) const {
  const bool pending = step.text == Step::Text::kPending;
  FL_ASSIGN(
      const std::string text, pending ? store_.pending_text() : store_.revision_text(step.revision)
  );
  return config::parse_config(
      text,
      pending && state_.pending ? state_.pending->name : "revision-" + std::to_string(step.revision)
  );
}

base::Result<ChangeControl::Done> ChangeControl::carry_out(
    const Step& step, base::Nanoseconds now
) {
  if (!store_error_.empty()) return base::fail(base::ErrorCode::kDataLoss, store_error_);
  Done done;
  std::optional<config::Config> config;
  std::string text = node_.config.text;
  if (step.text != Step::Text::kNone) {
    FL_ASSIGN(config, config_of(step));
    text = config->text;
    FL_ASSIGN(done.effect, effect_of(node_, *config, now));
    done.restart = keys_needing_restart(node_.config, *config);
    done.warnings = config->warnings;
    add_held_vips(node_, *config, done.warnings);
  }
  if (step.replace_file) {
    const auto can = can_replace(file_);
    if (!can) return base::annotate("nothing is changed, the file cannot be replaced", can.error());
  }
  FL_TRY(store_.save(state_, step.next, text));
  if (config) put_in_force(std::move(*config), By::kOperator);
  const staging::State before = std::exchange(state_, step.next);
  tell(before);
  if (step.replace_file) done.file_error = write_file(text);
  const staging::Revision* revision = staging::find(state_, state_.in_force);
  done.etcd_away = share_commit(revision == nullptr ? "" : revision->note);
  forget_gone();
  return done;
}

// The decision is made here, where no step can say no any more. Reading and syncing came before it:
// on a busy disk they take longer than the 10 ms that workers have to follow a decision.
void ChangeControl::put_in_force(config::Config config, By by) {
  const base::Nanoseconds decided = sys::monotonic_ns();
  keep_process_values(node_.config, config);
  ++node_.reloads;
  node_.reload_error.clear();
  // In a fleet an operator's commit ends them everywhere, and no file of one node does.
  if (!node_.store || by == By::kOperator) {
    node_.operators.weights.clear();
    node_.operators.ramps_elsewhere.clear();
  }
  node_.weights.end_hold();
  reconciler_.take_config(std::move(config), decided);
  persist(node_);
  applied_();
}

void ChangeControl::tell(const staging::State& before, const std::string& refused) {
  api::Event event;
  event.kind = "config";
  event.revision = state_.in_force;
  event.cause = "operator";
  if (!refused.empty()) {
    event.what = "refused";
    event.cause = refused;
  } else if (state_.in_force != before.in_force) {
    const staging::Revision* revision = staging::find(state_, state_.in_force);
    event.what = state_.trial ? "in force on trial" : "in force";
    if (revision != nullptr) {
      event.cause = revision->origin + (revision->note.empty() ? "" : ": " + revision->note);
    }
  } else if (before.trial && !state_.trial) {
    event.what = "confirmed";
  } else if (before.pending != state_.pending) {
    event.what = state_.pending ? "pending" : "discarded";
    if (state_.pending) event.cause = state_.pending->name;
  } else {
    return;
  }
  node_.happenings.tell(std::move(event));
}

// Returns the error: a file that cannot be written is told, and tried again at the next start.
std::string ChangeControl::write_file(const std::string& text) {
  staging::State done = state_;
  done.file_behind = false;
  auto written = replace_file(file_, text);
  if (written) written = store_.save(state_, done, text);
  if (written) {
    state_ = std::move(done);
    return "";
  }
  sys::log_error("in force, but not in the file: " + written.error().what);
  return written.error().what;
}

base::Result<bool> ChangeControl::take(
    config::Config config, const std::string& origin, By by, base::Nanoseconds now
) {
  FL_TRY(effect_of(node_, config, now));
  const Staging staging(config.changes.history);
  const bool trial = state_.trial.has_value();
  const Step step = staging.take_file(
      state_, staging::digest_of(config.text), origin, Moment{now, sys::wall_s()}
  );
  const auto saved = store_error_.empty() ? store_.save(state_, step.next, config.text)
                                          : base::Result<bool>(false);
  // An operator who reloads wants this file in force, whether its history can be kept or not.
  if (!saved) sys::log_error("the history is not saved: " + saved.error().what);
  const staging::State before = state_;
  if (saved && *saved) state_ = step.next;
  std::vector<std::string> warnings = config.warnings;
  add_held_vips(node_, config, warnings);
  for (const std::string& warning : warnings) sys::log_warn(warning);
  for (const std::string& key : keys_needing_restart(node_.config, config))
    sys::log_warn("reload: " + key + " keeps its old value until fairlead-control restarts");
  if (trial) {
    sys::log_warn(
        std::string("the trial ends: the configuration ") +
        (by == By::kFleet ? "of the fleet" : "file") + " is in force"
    );
  }
  put_in_force(std::move(config), by);
  tell(before);
  if (by == By::kFile) forget_gone();
  return true;
}

base::Result<bool> ChangeControl::reload(const std::string& origin, base::Nanoseconds now) {
  auto config = load_file();
  const base::Nanoseconds read = sys::monotonic_ns();
  const auto taken = config ? take(std::move(*config), origin, By::kFile, now)
                            : base::Result<bool>(tl::unexpected(config.error()));
  if (!taken) {
    ++node_.reloads_refused;
    node_.reload_error = taken.error().what;
    tell(state_, taken.error().what);
    sys::log_error("reload refused, nothing changes: " + taken.error().what);
    return taken;
  }
  sys::log_info(
      "reloaded " + file_ + " revision=" + std::to_string(state_.in_force) +
      " read_us=" + std::to_string((read - now) / base::kMicrosecond) +
      " kept_us=" + std::to_string((sys::monotonic_ns() - read) / base::kMicrosecond)
  );
  return taken;
}

void ChangeControl::reload_if_changed(base::Nanoseconds now) {
  if (!node_.config.changes.watch) return;
  auto config = load_file();
  const std::uint64_t digest =
      config ? staging::digest_of(config->text) : staging::digest_of(config.error().what);
  if (config && config->text == node_.config.text) return;
  if (digest == refused_digest_) return;  // told already
  refused_digest_ = reload("file changed", now) ? 0 : digest;
}

void ChangeControl::tick(base::Nanoseconds now) {
  if (now < retry_at_) return;
  const auto step =
      Staging(node_.config.changes.history).expire(state_, Moment{now, sys::wall_s()});
  if (!step) return;
  const std::uint64_t given_up = state_.in_force;
  const auto done = carry_out(*step, now);
  if (!done) {
    retry_at_ = now + kRetry;
    sys::log_error("the trial's end cannot be carried out: " + done.error().what);
    return;
  }
  sys::log_warn(
      "revision " + std::to_string(given_up) + " was not confirmed in time, revision " +
      std::to_string(state_.in_force) + " goes back to " + std::to_string(step->revision)
  );
}

base::Nanoseconds ChangeControl::next_due() const {
  return state_.trial ? std::max(state_.trial->deadline, retry_at_) : 0;
}

}  // namespace fairlead::control
