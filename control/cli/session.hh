// SPDX-License-Identifier: BSD-3-Clause
// Runs checked lines: asks the daemons, applies the filters, prints.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "control/cli/autocommit.hh"
#include "control/cli/page.hh"
#include "control/cli/parse.hh"
#include "control/cli/place.hh"

namespace fairlead::cli {

struct Settings {
  Selection selection;
  std::chrono::milliseconds timeout{5000};  // for one answer
  bool json = false;                        // as if every line ended in "| json"
};

enum class Next { kGoOn, kQuit };

/// Of the main thread. Nothing is remembered between lines but the settings and autocommit.
class Session {
 public:
  Session(Settings settings, std::FILE* out) : settings_(std::move(settings)), out_(out) {}

  /// Error: one line for the user; base::Error's code decides the exit status, see status_of().
  base::Result<Next> run(const std::vector<Token>& tokens);

  /// Names for completion and suggestions; empty if the daemon does not answer within
  /// `timeout`.
  std::vector<std::string> names(NameSource source, std::chrono::milliseconds timeout);

 private:
  struct Reply {
    Json json;
    Page page;
  };

  base::Result<Json> ask_flows(const Place& place, const Call& call);
  base::Result<Json> flows_once(const Place& place, const Call& call, const Json& arguments);
  /// `pending`: what must be pending for an edit, see Autocommit; "": whatever is.
  base::Result<Json> ask_at(
      const Place& place, Target target, const Call& call, const std::string& pending = ""
  );
  base::Result<Reply> reply_of(const Place& place, const Call& call);
  base::Result<void> print_once(const Line& line, const std::vector<Place>& where);
  base::Result<void> watch(const Line& line, const std::vector<Place>& where, const Call& filter);
  base::Result<void> print_rates(const Line& line, const Place& place);
  base::Result<void> print(const std::string& text);
  base::Result<void> include(const std::string& path, const std::string& before = "");
  base::Result<void> run_others(const Line& line, const std::vector<Place>& where);
  base::Result<void> restore(const std::string& path);
  base::Error with_suggestion(base::Error error, const Call& call);

  Settings settings_;
  std::FILE* out_;
  Autocommit autocommit_;
  unsigned included_ = 0;   // files of commands that are being run
  bool restoring_ = false;  // by ipvs -R
};

/// True if the answer comes from a file, not from a daemon.
bool reads_file(const Call& call);

/// `flush flow ... file FILE`: until it is done, or Ctrl-C.
base::Result<Json> flush_file(const Call& call);

/// 2: the input is wrong or names what does not exist; 1: everything else.
int status_of(const base::Error& error);

/// `show memory` of this process: allocator, allocated and resident bytes as jemalloc counts them.
Json own_memory();

/// Text of the help: all commands by section, or those that begin with `topic`.
base::Result<std::string> help_text(const std::string& topic);

/// Sleeps; false if Ctrl-C came (it then counts as handled).
bool sleep_for(std::chrono::milliseconds time);

/// From now on Ctrl-C ends a watch instead of the process.
void catch_interrupts();

}  // namespace fairlead::cli
