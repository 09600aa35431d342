// SPDX-License-Identifier: BSD-3-Clause
// Command lines of the lab's two programs: bad input is one line and exit status 2.
#pragma once

#include <cstdio>
#include <string>

#include <CLI/CLI.hpp>

#include "dataplane/base/printable.hh"

namespace fairlead::lab {

/// A number from `least` to `most`. (CLI::Range lets NaN pass.)
inline CLI::Validator between(double least, double most) {
  return CLI::Validator(
      [least, most](std::string& text) {
        double value = 0;
        const bool good = CLI::detail::lexical_cast(text, value) && value >= least && value <= most;
        if (good) return std::string();
        return "'" + text + "' is not a number from " + std::to_string(least) + " to " +
               std::to_string(most);
      },
      "NUMBER"
  );
}

/// 0: go on; -1: all is said (--help); else the exit status.
inline int parse_line(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e), -1;
    const std::string line = std::string(argv[0]) + ": " + e.what() + "; see --help";
    std::fprintf(stderr, "%s\n", base::printable(line).c_str());
    return 2;
  }
  return 0;
}

}  // namespace fairlead::lab
