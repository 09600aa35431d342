// SPDX-License-Identifier: BSD-3-Clause
// The prompt: line editing, history, completion (libedit).
#pragma once

#include "control/cli/session.hh"

namespace fairlead::cli {

/// Reads and runs lines from the terminal until quit or end of input. Errors are printed and do
/// not end it. Returns the exit status. History is kept in ~/.fairlead_history (1000 lines).
int run_interactive(Session& session);

}  // namespace fairlead::cli
