// SPDX-License-Identifier: BSD-3-Clause
// fairlead-sim: what would happen to this fleet. docs/simulator.md.
#include <exception>

#include "control/sim/commands.hh"
#include "dataplane/sys/report.hh"

int main(int argc, char** argv) {
  try {
    return fairlead::sim::run_command_line(argc, argv);
  } catch (const std::exception& error) {
    fairlead::sys::tell("fairlead-sim", error.what());
    return 1;
  }
}
