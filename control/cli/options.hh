// SPDX-License-Identifier: BSD-3-Clause
// The command line of `fairlead`.
#pragma once

#include <string>
#include <vector>

#include "control/cli/batch.hh"
#include "control/cli/session.hh"

namespace fairlead::cli {

enum class Mode { kRun, kHelp, kVersion, kReference, kManual };

struct Options {
  Mode mode = Mode::kRun;
  Settings settings;
  std::string file;  // -f
  AfterError after = AfterError::kStop;
  std::vector<std::string> words;  // the command; empty: interactive or standard input
};

/// `arguments` without the program's name; `environment_socket` is FAIRLEAD_SOCKET or empty, and
/// counts only if no option names a place. Error: one line, invalid_argument.
base::Result<Options> parse_options(
    const std::vector<std::string>& arguments, const std::string& environment_socket
);

/// What --help prints in front of the commands.
std::string usage();

}  // namespace fairlead::cli
