// SPDX-License-Identifier: BSD-3-Clause
// How a program ends with an error.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "dataplane/base/printable.hh"
#include "dataplane/base/result.hh"

namespace fairlead::sys {

/// "PROGRAM: what" on stderr: one line, printable, bounded, whatever of the input it quotes.
inline void tell(std::string_view program, std::string_view what) {
  const std::string line = std::string(program) + ": " + base::message(what) + "\n";
  std::fputs(line.c_str(), stderr);
}

/// Tells the error; the exit status of the process.
inline int report(std::string_view program, const base::Error& error) {
  tell(program, error.what);
  return base::exit_status(error);
}

}  // namespace fairlead::sys
