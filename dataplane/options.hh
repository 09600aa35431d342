// SPDX-License-Identifier: BSD-3-Clause
// The command line of fairlead-dataplane as a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/result.hh"

namespace fairlead::dataplane {

/// Where "now" comes from in a replay (docs/replay.md).
enum class ReplayClock {
  kFixed,  // stands still: no flow ever times out, no flood limit
  kPcap,   // the packets' own timestamps
};

struct ReplayOptions {
  std::string in;
  std::string out;
  std::string decisions;      // empty: not written
  std::string answers;        // the frames that the node would have sent back; empty: not written
  std::uint32_t mtu = 65535;  // of the port
  ReplayClock clock = ReplayClock::kFixed;
};

enum class Hugepages { kAuto, kOn, kOff };

struct Options {
  std::string config;
  std::string runtime_dir;              // empty: as configured
  std::optional<Hugepages> hugepages;   // unset: as configured
  std::vector<std::string> eal;         // further EAL arguments, as given
  bool verbose = false;                 // show what DPDK logs
  bool replace = false;                 // end the data plane that runs, take its place
  std::optional<ReplayOptions> replay;  // set: replay instead of forwarding
  std::string text;                     // not empty: print this and exit 0 (--help, --version)
};

/// Reads argv. Errors are one line that says which argument is wrong and what to give instead.
base::Result<Options> parse_options(int argc, const char* const* argv);

}  // namespace fairlead::dataplane
