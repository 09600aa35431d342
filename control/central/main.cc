// SPDX-License-Identifier: BSD-3-Clause
// fairlead-monitor: the monitoring service of a fleet.
#include <cstdio>

#include "control/central/monitor.hh"
#include "control/central/options.hh"
#include "control/config/config.hh"
#include "dataplane/sys/report.hh"

namespace {

int report(const fairlead::base::Error& error) {
  return fairlead::sys::report("fairlead-monitor", error);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace fairlead;
  auto options = central::parse_options(argc, argv);
  if (!options) return report(options.error());
  if (!options->text.empty()) {
    std::fputs(options->text.c_str(), stdout);
    return 0;
  }
  const auto config = config::load_config(options->config);
  if (!config) return report(config.error());
  if (options->check) {
    for (const auto& warning : config->warnings) std::printf("warning: %s\n", warning.c_str());
    std::printf("%s: good\n", options->config.c_str());
    return 0;
  }
  sys::start_log("fairlead-monitor", options->log_level);
  central::block_signals();
  central::Monitor monitor(std::move(*options));
  if (const auto started = monitor.start(*config); !started) return report(started.error());
  monitor.run();
  return 0;
}
