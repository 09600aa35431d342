// SPDX-License-Identifier: BSD-3-Clause
// fairlead-sim: what would happen to this fleet. docs/simulator.md.
#include <cstdio>
#include <exception>

#include "control/sim/commands.hh"

int main(int argc, char** argv) {
  try {
    return fairlead::sim::run_command_line(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fairlead-sim: %s\n", error.what());
    return 1;
  }
}
