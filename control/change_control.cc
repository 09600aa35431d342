// SPDX-License-Identifier: BSD-3-Clause
// Check, rehearse, save, apply: in this order, so that each step can still say no.
#include "control/change_control.hh"

#include <utility>

#include "control/actions.hh"
#include "control/weight_actions.hh"
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
  file_digest_ = staging::digest_of(from_file.text);
  if (auto shared = overlaid(from_file)) {
    from_file = std::move(*shared);
  } else {
    sys::log_error("the node's own file counts: " + shared.error().what);
  }
  auto loaded = store_.open();
  if (!loaded) {
    store_error_ = loaded.error().what;
    tell_not_kept("no staged changes: " + store_error_);
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
  if (const auto saved = store_.save(state_, step.next, text); !saved) {
    on_disk_ = state_;
    tell_not_kept("the history is not saved: " + saved.error().what);
  }
  state_ = step.next;
  // A trial that ended while nobody ran, or in the moment before we were killed.
  if (!state_.trial && end_trial(node_.operators, staging::digest_of(text)))
    node_.decisions_behind = true;
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
  // Before a trial too: it could not be confirmed. Going back waits for no file.
  const bool begins = step.next.trial && !state_.trial;
  if ((step.replace_file || begins) && !step.goes_back) {
    const auto can = can_replace(file_);
    if (!can) return base::annotate("nothing is changed, the file cannot be replaced", can.error());
  }
  const auto saved = save(step.next, text);
  if (!saved && !step.goes_back) return tl::unexpected(saved.error());
  if (config) put_in_force(std::move(*config), By::kOperator, begins);
  const staging::State before = std::exchange(state_, step.next);
  if (!config && node_.operators.set_aside) {  // confirmed
    node_.operators.set_aside.reset();
    persist(node_);
  }
  tell(before);
  if (!saved) {
    on_disk_ = before;
    tell_not_kept("in force, but not in the history: " + saved.error().what);
  } else if (step.replace_file) {
    done.file_error = write_file(text);
  }
  const staging::Revision* revision = staging::find(state_, state_.in_force);
  done.etcd_away = share_commit(revision == nullptr ? "" : revision->note);
  forget_gone();
  return done;
}

// The decision is made here, where no step can say no any more. Reading and syncing came before it:
// on a busy disk they take longer than the 10 ms that workers have to follow a decision.
void ChangeControl::put_in_force(config::Config config, By by, bool trial) {
  const base::Nanoseconds decided = sys::monotonic_ns();
  OperatorState& operators = node_.operators;
  if (trial) {
    operators.set_aside =
        SetAside{staging::digest_of(node_.config.text), operators.weights, operators.ramps};
  }
  keep_process_values(node_.config, config);
  ++node_.reloads;
  node_.reload_error.clear();
  // In a fleet an operator's commit ends them everywhere, and no file of one node does.
  if (!node_.store || by == By::kOperator) {
    operators.weights.clear();
    operators.ramps_elsewhere.clear();
  }
  if (!trial && end_trial(operators, staging::digest_of(config.text))) {
    for (const auto& [member, ramp] : operators.ramps)
      tell_ramp(node_, member, "ramp goes on", "the trial is over");
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
  if (written) file_digest_ = staging::digest_of(text);
  if (written) written = save(done, text);
  if (written) {
    state_ = std::move(done);
    return "";
  }
  sys::log_error("in force, but not in the file: " + written.error().what);
  return written.error().what;
}

base::Result<bool> ChangeControl::save(const staging::State& next, const std::string& text) {
  FL_TRY(catch_up());
  FL_TRY(store_.save(state_, next, text));
  node_.history_error.clear();
  return true;
}

base::Result<bool> ChangeControl::catch_up() {
  if (!on_disk_) return true;
  FL_TRY(store_.save(*on_disk_, state_, node_.config.text));
  on_disk_.reset();
  node_.history_error.clear();
  sys::log_info("the history is saved again revision=" + std::to_string(state_.in_force));
  api::Event event;
  event.kind = "config";
  event.what = "kept";
  event.cause = "the history can be written again";
  event.revision = state_.in_force;
  node_.happenings.tell(std::move(event));
  if (state_.file_behind) (void)write_file(node_.config.text);
  return true;
}

void ChangeControl::tell_not_kept(const std::string& what) {
  if (std::exchange(node_.history_error, what) == what) return;
  sys::log_error(what);
  api::Event event;
  event.kind = "config";
  event.what = "not kept";
  event.cause = what;
  event.revision = state_.in_force;
  node_.happenings.tell(std::move(event));
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
  const auto saved =
      store_error_.empty() ? save(step.next, config.text) : base::Result<bool>(false);
  // An operator who reloads wants this file in force, whether its history can be kept or not.
  if (!saved) {
    tell_not_kept("the history is not saved: " + saved.error().what);
    state_.trial.reset();  // it must not take this file out of force
  }
  const staging::State before = state_;
  if (saved && *saved) state_ = step.next;
  file_digest_ = read_digest_;
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
  put_in_force(std::move(config), by, false);
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
  // What the file said before is no news: in a trial, or where it could not be replaced, another
  // text is in force than the file's, and a touch of it decides nothing.
  if (config && read_digest_ == file_digest_) return;
  if (config && !state_.trial && config->text == node_.config.text) {
    file_digest_ = read_digest_;
    return;
  }
  const std::uint64_t digest =
      config ? staging::digest_of(config->text) : staging::digest_of(config.error().what);
  if (digest == refused_digest_) return;  // told already
  refused_digest_ = reload("file changed", now) ? 0 : digest;
}

void ChangeControl::tick(base::Nanoseconds now) {
  if (now < retry_at_) return;
  if (on_disk_) {
    retry_at_ = now + kRetry;
    if (const auto saved = catch_up(); !saved)
      tell_not_kept("in force, but not in the history: " + saved.error().what);
  }
  const auto step =
      Staging(node_.config.changes.history).expire(state_, Moment{now, sys::wall_s()});
  if (!step) return;
  const std::uint64_t given_up = state_.in_force;
  const auto done = carry_out(*step, now);
  if (!done) {
    retry_at_ = now + kRetry;
    tell_not_kept("the trial's end cannot be carried out: " + done.error().what);
    return;
  }
  sys::log_warn(
      "revision " + std::to_string(given_up) + " was not confirmed in time, revision " +
      std::to_string(state_.in_force) + " goes back to " + std::to_string(step->revision)
  );
}

base::Nanoseconds ChangeControl::next_due() const {
  if (on_disk_) return retry_at_;
  return state_.trial ? std::max(state_.trial->deadline, retry_at_) : 0;
}

}  // namespace fairlead::control
