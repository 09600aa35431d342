// SPDX-License-Identifier: BSD-3-Clause
// The configuration of a fleet: sections that one node's operator commits and all nodes take.
#include <optional>
#include <set>
#include <utility>

#include "control/actions.hh"
#include "control/change_control.hh"
#include "control/config/sections.hh"
#include "control/fleet/shared_config.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::control {
namespace {

std::optional<fleet::SharedConfig> shared_of(const Node& node) {
  if (!node.store) return std::nullopt;
  return fleet::shared_config(node.store->read());
}

void write_shared(Node& node, const std::string& text, const std::string& note) {
  node.store->write({fleet::change_of({text, node.config.node.id, note, sys::wall_s()})});
  node.shared_config_from = node.config.node.id;
  node.shared_config_error.clear();
}

}  // namespace

base::Result<config::Config> ChangeControl::overlaid(config::Config from_file) const {
  const auto shared = shared_of(node_);
  if (!shared) return from_file;
  FL_ASSIGN(
      const std::string text, config::with_shared(from_file.text, from_file.file, shared->text)
  );
  auto config = config::parse_config(text, file_ + " with the fleet's sections");
  if (config) node_.shared_config_from = shared->from;
  return config;
}

base::Result<config::Config> ChangeControl::load_file() {
  FL_ASSIGN(config::Config config, config::load_config(file_));
  read_digest_ = staging::digest_of(config.text);
  return overlaid(std::move(config));
}

void ChangeControl::take_shared(base::Nanoseconds now) {
  const auto shared = shared_of(node_);
  if (!shared) return;
  const auto in_force = config::shared_part(node_.config.text, node_.config.file);
  if (in_force && *in_force == shared->text) {
    node_.shared_config_from = shared->from;
    node_.shared_config_error.clear();
    return;
  }
  // An own trial is this node's alone: it ends by itself, or is confirmed and shared.
  if (state_.trial || shared->text == refused_shared_) return;
  auto config = load_file();
  const auto taken = config
                         ? take(std::move(*config), "fleet, from " + shared->from, By::kFleet, now)
                         : base::Result<bool>(tl::unexpected(config.error()));
  if (!taken) {
    refused_shared_ = shared->text;
    node_.shared_config_error = taken.error().what;
    tell(state_, taken.error().what);
    sys::log_error("the fleet's configuration is refused, nothing changes: " + taken.error().what);
    return;
  }
  refused_shared_.clear();
  node_.shared_config_error.clear();
  sys::log_info(
      "took the fleet's configuration from=" + shared->from +
      " revision=" + std::to_string(state_.in_force)
  );
}

/// After an operator's change: the fleet takes it, if it shares a configuration at all. A trial
/// stays on this node until it is confirmed. True: not before etcd is back.
bool ChangeControl::share_commit(const std::string& note) {
  const auto shared = shared_of(node_);
  if (!shared || state_.trial) return false;
  const auto text = config::shared_part(node_.config.text, node_.config.file);
  if (!text) {
    sys::log_error("the fleet does not take the configuration: " + text.error().what);
  } else if (*text != shared->text) {
    write_shared(node_, *text, note);
    return node_.store->state().away;
  }
  return false;
}

// In a fleet whose nodes have vips of their own a vip that is gone here may be another node's, so
// decisions stay. Where all take one configuration, the node whose operator took the vip away
// cleans up: after the configuration, so that no node has the vip without the decision.
void ChangeControl::forget_gone() {
  const bool ours = !node_.store || (shared_of(node_) && node_.shared_config_error.empty());
  if (state_.trial || !ours) return;
  OperatorState next = node_.operators;
  const std::set<std::string> gone = forget_gone_vips(next, node_.config.vips);
  if (gone.empty()) return;
  node_.operators = std::move(next);
  persist(node_);
  for (const std::string& vip : gone)
    sys::log_info("vip is gone, operators' decisions on it are forgotten vip=" + vip);
}

Answer ChangeControl::share(const api::Request& request) {
  if (!node_.store) {
    return base::fail(
        base::ErrorCode::kFailedPrecondition,
        "this node shares nothing, set fleet.etcd.endpoints on all nodes first"
    );
  }
  if (state_.trial) {
    return base::fail(
        base::ErrorCode::kFailedPrecondition,
        "a trial runs on this node, confirm it: then it is shared"
    );
  }
  FL_ASSIGN(const std::string text, config::shared_part(node_.config.text, node_.config.file));
  const auto shared = shared_of(node_);
  const bool changes = !shared || shared->text != text;
  if (changes) write_shared(node_, text, request.note.value_or(""));
  forget_gone();
  sys::log_info("operator shared the configuration revision=" + std::to_string(state_.in_force));
  return Json{
      {"revision", state_.in_force},
      {"bytes", text.size()},
      {"changed", changes},
      {"etcd_away", node_.store->state().away}};
}

}  // namespace fairlead::control
