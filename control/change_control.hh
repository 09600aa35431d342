// SPDX-License-Identifier: BSD-3-Clause
// Who decides which configuration is in force: reloads, staged changes, trials, history.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "control/change_effect.hh"
#include "control/node.hh"
#include "control/reconcile.hh"
#include "control/revision_store.hh"
#include "control/show.hh"
#include "control/staging/staging.hh"

namespace fairlead::control {

/// The edge around staging/: texts come from files and clients, are checked and rehearsed, made
/// durable, put in force. Whatever is refused on the way changes nothing. Main thread, under the
/// daemon's lock.
class ChangeControl {
 public:
  /// `file`: the node's configuration. `applied` is called after one came into force.
  ChangeControl(
      Node& node, Reconciler& reconciler, std::string file, std::function<void()> applied
  );

  /// At the start, once: reads the history and returns what is to be in force, which is
  /// `from_file` unless a trial goes on. A damaged history is logged; then reloads work and staged
  /// changes are refused.
  config::Config begin(config::Config from_file, base::Nanoseconds now);

  /// The same when that is in force: forgets decisions on vips that went while nobody ran.
  void begun() { forget_gone(); }

  /// SIGHUP and `config reload`: the file comes into force, also if it says what is.
  base::Result<bool> reload(const std::string& origin, base::Nanoseconds now);
  /// The same if the file says something new; for a file that changes.
  void reload_if_changed(base::Nanoseconds now);
  /// The fleet's configuration, as the node's store has it: comes into force if it says something
  /// new. What this node cannot take is logged, told by `show status`, and tried again when it
  /// changes.
  void take_shared(base::Nanoseconds now);
  /// Ends a trial that is due, whether the history can be written or not: then that is done later.
  void tick(base::Nanoseconds now);
  /// When tick() has something to do; 0: never.
  [[nodiscard]] base::Nanoseconds next_due() const;

  // change_answers.cc: `config ...`, `show config ...`
  Answer answer(const api::Request& request, base::Nanoseconds now);

  [[nodiscard]] const staging::State& state() const { return state_; }

 private:
  Answer load(const api::Request& request, base::Nanoseconds now);
  Answer edit(const api::Request& request, base::Nanoseconds now);
  /// Makes a text pending and tells what it would do, or why it is `incomplete`.
  Answer stage(
      const std::string& name,
      const config::Config& config,
      const std::string& incomplete,
      base::Nanoseconds now
  );
  Answer diff(base::Nanoseconds now);
  Answer commit(const api::Request& request, base::Nanoseconds now);
  Answer confirm(base::Nanoseconds now);
  Answer roll_back(const api::Request& request, base::Nanoseconds now);
  Answer discard();
  Answer share(const api::Request& request);
  Answer show_running() const;
  Answer show_pending() const;
  Answer show_history(base::Nanoseconds now) const;
  [[nodiscard]] Json brief(base::Nanoseconds now) const;

  struct Done {
    Effect effect;
    std::string file_error;  // the file could not be replaced
    std::vector<std::string> restart;
    std::vector<std::string> warnings;
    bool etcd_away = false;  // the other nodes take it when etcd is back
  };
  /// Checks, rehearses, saves and applies what a step asks for.
  base::Result<Done> carry_out(const staging::Step& step, base::Nanoseconds now);
  base::Result<config::Config> config_of(const staging::Step& step) const;
  /// The file with the fleet's sections in it, where the fleet has some.
  base::Result<config::Config> load_file();
  base::Result<config::Config> overlaid(config::Config from_file) const;
  enum class By : std::uint8_t { kFile, kOperator, kFleet };
  /// `trial`: weights set by hand are set aside and come back with the text that they were set
  /// under.
  void put_in_force(config::Config config, By by, bool trial);
  /// The only way to the disk, so that nothing is saved before what could not be.
  base::Result<bool> save(const staging::State& next, const std::string& text);
  /// Saves what came into force without being saved.
  base::Result<bool> catch_up();
  /// Told once, as event and by show status, until a save succeeds.
  void tell_not_kept(const std::string& what);
  bool share_commit(const std::string& note);
  /// Once the configuration in force is not to be taken back by itself, and is every node's: what
  /// operators decided on vips that are in it no more is forgotten.
  void forget_gone();
  static void add_ends(const Done& done, Json& out);
  void tell(const staging::State& before, const std::string& refused = "");
  std::string write_file(const std::string& text);
  base::Result<bool> take(
      config::Config config, const std::string& origin, By by, base::Nanoseconds now
  );

  Node& node_;
  Reconciler& reconciler_;
  std::string file_;
  std::function<void()> applied_;
  RevisionStore store_;
  staging::State state_;
  std::string store_error_;                // "": the history is usable
  std::optional<staging::State> on_disk_;  // nullopt: state_ is
  std::uint64_t read_digest_ = 0;          // of the file's text, as it was read last
  std::uint64_t file_digest_ = 0;          // the same when it was taken, or written by us
  std::uint64_t refused_digest_ = 0;       // of the file's text that was refused last
  std::string refused_shared_;             // the fleet's configuration that was refused last
  base::Nanoseconds retry_at_ = 0;
};

}  // namespace fairlead::control
