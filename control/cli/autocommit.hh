// SPDX-License-Identifier: BSD-3-Clause
// `set autocommit on`: what a session stages is committed at once.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "control/cli/parse.hh"
#include "control/cli/place.hh"

namespace fairlead::cli {

/// Of one session, not of the daemon: nobody else's edits are committed by it. Ends with the
/// session.
class Autocommit {
 public:
  void set(bool on) { on_ = on; }
  [[nodiscard]] bool on() const { return on_; }
  /// True if `call` stages something and is to be committed.
  [[nodiscard]] bool covers(const Call& call) const;

  /// Before the edit: what must be pending when the daemon makes it, for its `pending_digest`. So
  /// nothing that another session stages between two questions of ours is edited or committed.
  /// Error, kFailedPrecondition: something is pending that is not this session's.
  base::Result<std::string> begin(const Place& place, std::chrono::milliseconds timeout);
  /// After it: commits, and gives the commit's reply. An edit that wants another one first (a vip
  /// without backends) stays pending; the reply is the edit's then.
  base::Result<Json> finish(
      const Place& place, const Json& edited, std::chrono::milliseconds timeout
  );

 private:
  bool on_ = false;
  std::map<std::string, std::string> unfinished_;  // by socket: what this session left pending
};

}  // namespace fairlead::cli
