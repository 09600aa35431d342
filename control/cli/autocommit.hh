// SPDX-License-Identifier: BSD-3-Clause
// `set autocommit on`: what a session stages is committed at once.
#pragma once

#include <chrono>
#include <set>
#include <string>

#include "control/cli/parse.hh"
#include "control/cli/place.hh"

namespace fairlead::cli {

/// Of one session, not of the daemon: nobody else's edits are committed by it. Ends with the
/// session.
class Autocommit {
 public:
  void set(bool on) { on_ = on; }
  /// True if `call` stages something and is to be committed.
  [[nodiscard]] bool covers(const Call& call) const;

  /// Before the edit. Error, kFailedPrecondition: something is pending that is not this session's.
  base::Result<void> begin(const Place& place, std::chrono::milliseconds timeout);
  /// After it: commits, and gives the commit's reply. An edit that wants another one first (a vip
  /// without backends) stays pending; the reply is the edit's then.
  base::Result<Json> finish(
      const Place& place, const Json& edited, std::chrono::milliseconds timeout
  );

 private:
  bool on_ = false;
  std::set<std::string> unfinished_;  // sockets of nodes where an edit of this session is pending
};

}  // namespace fairlead::cli
