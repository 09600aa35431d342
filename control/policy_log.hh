// SPDX-License-Identifier: BSD-3-Clause
// The daemon's policy.log: every turn of every pool's policy with its inputs, appended to a file,
// for `fairlead-sim replay` (control/policy/decision_log.hh).
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "control/policy/decision_log.hh"
#include "dataplane/base/result.hh"

namespace fairlead::control {

/// An open log. Control's main thread. A full disk loses lines, never a turn.
class PolicyLog {
 public:
  /// Errors: the file cannot be written to.
  static base::Result<std::unique_ptr<PolicyLog>> open(const std::string& path);
  [[nodiscard]] policy::DecisionLog& log() { return log_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { (void)std::fclose(file); }
  };
  explicit PolicyLog(std::FILE* file);
  std::unique_ptr<std::FILE, Close> file_;
  policy::DecisionLog log_;
};

}  // namespace fairlead::control
