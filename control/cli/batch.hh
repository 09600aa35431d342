// SPDX-License-Identifier: BSD-3-Clause
// Commands from a file or a pipe, one a line.
#pragma once

#include <cstdio>
#include <string>

#include "control/cli/session.hh"

namespace fairlead::cli {

enum class AfterError { kStop, kKeepGoing };

/// Runs the lines of `in` until quit, end or error. An error goes to `errors` as
/// "NAME:LINE: message". Returns the exit status: 0, or that of the gravest error (2 before 1).
int run_batch(
    Session& session, std::FILE* in, const std::string& name, AfterError after, std::FILE* errors
);

/// The same for a file; "-" is standard input. With kStop all lines are checked before the first
/// one runs, so a typing mistake changes nothing. `before` is put in front of each line.
int run_batch_file(
    Session& session,
    const std::string& path,
    AfterError after,
    std::FILE* errors,
    const std::string& before = ""
);

}  // namespace fairlead::cli
