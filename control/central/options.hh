// SPDX-License-Identifier: BSD-3-Clause
// The command line of fairlead-monitor.
#pragma once

#include <string>

#include "dataplane/base/result.hh"
#include "dataplane/sys/log.hh"

namespace fairlead::central {

struct Options {
  std::string config;                   // path of the fleet's YAML file, the same as the nodes'
  std::string listen = "0.0.0.0:9300";  // gRPC by TCP, counts by UDP
  std::string advertise;                // how others reach it; default: listen
  std::string metrics;                  // "ADDRESS:PORT" of GET /metrics; "": off
  bool check = false;
  sys::LogLevel log_level = sys::LogLevel::kInfo;
  std::string text;  // --help, --version: print this and end
};

base::Result<Options> parse_options(int argc, const char* const* argv);

}  // namespace fairlead::central
