// SPDX-License-Identifier: BSD-3-Clause
// The command line of fairlead-control.
#pragma once

#include <string>

#include "dataplane/base/result.hh"
#include "dataplane/sys/log.hh"

namespace fairlead::control {

struct Options {
  std::string config;    // path of the YAML file
  bool check = false;    // read the configuration, say what is odd, end
  bool no_gate = false;  // leave the interface alone
  bool unload = false;   // take the gate off the interface, leave nothing behind, end
  sys::LogLevel log_level = sys::LogLevel::kInfo;
  std::string text;  // --help, --version: print this and end
};

base::Result<Options> parse_options(int argc, const char* const* argv);

}  // namespace fairlead::control
