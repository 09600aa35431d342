// SPDX-License-Identifier: BSD-3-Clause
// fairlead-dataplane: reads command line and configuration, then forwards or replays.
#include <cstdio>
#include <string>
#include <vector>

#include <unistd.h>

#include "control/config/config.hh"
#include "dataplane/forward.hh"
#include "dataplane/options.hh"
#include "dataplane/replay.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/report.hh"

namespace {

using fairlead::dataplane::Hugepages;
using fairlead::dataplane::Options;

int report(const fairlead::base::Error& error) {
  return fairlead::sys::report("fairlead-dataplane", error);
}

bool may_do_without_hugepages(const fairlead::config::Config& config, const Options& options) {
  return config.memory.hugepages == fairlead::config::Hugepages::kAuto &&
         options.hugepages.value_or(Hugepages::kAuto) == Hugepages::kAuto;
}

// The default decision log lies in the runtime folder and goes along.
void move_runtime_dir(fairlead::config::Config& config, const std::string& folder) {
  if (config.decision_log == config.runtime_dir + "/decisions.csv") {
    config.decision_log = folder + "/decisions.csv";
  }
  config.runtime_dir = folder;
}

// EAL cannot be started twice in a process. With hugepages: auto, several nodes may have counted
// the same free pages; the one that came too late starts anew without.
void restart_without_hugepages(int argc, char** argv) {
  std::vector<char*> args(argv, argv + argc);
  char option[] = "--hugepages=off";
  args.push_back(option);
  args.push_back(nullptr);
  ::execv("/proc/self/exe", args.data());
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = fairlead::dataplane::parse_options(argc, argv);
  if (!options) return report(options.error());
  if (!options->text.empty()) {
    std::fputs(options->text.c_str(), stdout);
    return 0;
  }
  auto config = fairlead::config::load_config(options->config);
  if (!config) return report(config.error());
  if (!options->runtime_dir.empty()) move_runtime_dir(*config, options->runtime_dir);
  if (options->replay) {
    const auto done = fairlead::dataplane::run_replay(*config, *options);
    return done ? 0 : report(done.error());
  }
  fairlead::sys::start_log(
      "fairlead-dataplane",
      options->verbose ? fairlead::sys::LogLevel::kDebug : fairlead::sys::LogLevel::kInfo
  );
  const auto done = fairlead::dataplane::run_forwarding(*config, *options);
  if (done) return 0;
  if (done.error().code == fairlead::base::ErrorCode::kResourceExhausted &&
      may_do_without_hugepages(*config, *options)) {
    restart_without_hugepages(argc, argv);
  }
  return report(done.error());
}
