// SPDX-License-Identifier: BSD-3-Clause
// Reading the command line; CLI11's exceptions end here.
#include "control/options.hh"

#include <CLI/CLI.hpp>

#include "dataplane/base/printable.hh"

namespace fairlead::control {

base::Result<Options> parse_options(int argc, const char* const* argv) {
  Options options;
  std::string level = "info";
  CLI::App app{
      "Control daemon of a Fairlead node: health, monitoring, policy, tables, gate, API.\n"
      "Signals: SIGHUP reads the configuration again, SIGTERM ends (the last tables stay in "
      "force).",
      "fairlead-control"};
  app.add_option("-c,--config", options.config, "configuration, see docs/configuration.md");
  app.add_flag("--check", options.check, "read the configuration, print warnings, end");
  app.add_flag("--no-gate", options.no_gate, "attach no XDP gate");
  app.add_flag(
      "--unload",
      options.unload,
      "take the gate of a node that is stopped off its interface: program, maps, mount; then end"
  );
  app.add_option("--log-level", level, "error, warn, info or debug")
      ->check(CLI::IsMember({"error", "warn", "info", "debug"}));
  app.set_version_flag("--version", std::string("fairlead-control ") + FL_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    options.text = app.help();
  } catch (const CLI::CallForVersion&) {
    options.text = app.version() + "\n";
  } catch (const CLI::Error& e) {
    return base::invalid(
        "command line: " + base::excerpt(e.what(), 300) + "; see fairlead-control --help"
    );
  }
  if (options.config.empty() && options.text.empty()) {
    return base::invalid(
        "command line: --config is missing: give the configuration file, e.g. --config "
        "config/fairlead.yaml"
    );
  }
  options.log_level = *sys::log_level_named(level);
  return options;
}

}  // namespace fairlead::control
