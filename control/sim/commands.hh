// SPDX-License-Identifier: BSD-3-Clause
// The command line of fairlead-sim: one run, or a comparison.
#pragma once

namespace fairlead::sim {

/// Exit status: 0, 1 (could not write), 2 (bad input; one line on stderr).
int run_command_line(int argc, char** argv);

}  // namespace fairlead::sim
