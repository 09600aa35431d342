// SPDX-License-Identifier: BSD-3-Clause
// fairlead-control: the control daemon of a node. Reads options and configuration, starts, turns.
#include <cstdio>

#include "control/config/config.hh"
#include "control/daemon.hh"
#include "control/options.hh"
#include "control/regions.hh"
#include "dataplane/sys/report.hh"

namespace {

int report(const fairlead::base::Error& error) {
  return fairlead::sys::report("fairlead-control", error);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace fairlead;
  auto options = control::parse_options(argc, argv);
  if (!options) return report(options.error());
  if (!options->text.empty()) {
    std::fputs(options->text.c_str(), stdout);
    return 0;
  }
  auto config = config::load_config(options->config);
  if (!config) return report(config.error());
  if (options->check) {
    for (const auto& warning : config->warnings) std::printf("warning: %s\n", warning.c_str());
    std::printf("%s: good\n", options->config.c_str());
    return 0;
  }
  if (options->unload) {
    const auto unloaded = control::unload_gate(config->runtime_dir);
    if (!unloaded) return report(unloaded.error());
    std::printf("%s\n", unloaded->c_str());
    return 0;
  }
  sys::start_log("fairlead-control", options->log_level);
  control::block_signals();
  control::Daemon daemon(std::move(*options));
  if (const auto started = daemon.start(std::move(*config)); !started)
    return report(started.error());
  daemon.run();
  return 0;
}
