// SPDX-License-Identifier: BSD-3-Clause
// Reading the command line; CLI11's exceptions end here.
#include "control/central/options.hh"

#include <map>

#include <CLI/CLI.hpp>

#include "control/config/section.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::central {

base::Result<Options> parse_options(int argc, const char* const* argv) {
  static const std::map<std::string, sys::LogLevel> kLevels = {
      {"error", sys::LogLevel::kError},
      {"warn", sys::LogLevel::kWarn},
      {"info", sys::LogLevel::kInfo},
      {"debug", sys::LogLevel::kDebug},
  };
  Options options;
  std::string level = "info";
  CLI::App app{
      "Monitoring service of a Fairlead fleet: takes agents' reports and nodes' counts, publishes\n"
      "what backends measure and what is in flight (docs/fleet.md).\n"
      "Signals: SIGHUP reads the configuration again, SIGTERM ends.",
      "fairlead-monitor"};
  app.add_option("-c,--config", options.config, "the fleet's configuration, as the nodes have it")
      ->required();
  app.add_option("-l,--listen", options.listen, "ADDRESS:PORT, TCP and UDP; default 0.0.0.0:9300");
  app.add_option(
      "--advertise",
      options.advertise,
      "ADDRESS:PORT at which nodes and other monitors reach it; default: --listen"
  );
  app.add_option("--metrics", options.metrics, "ADDRESS:PORT of GET /metrics; default: off");
  app.add_flag("--check", options.check, "read the configuration, print warnings, end");
  app.add_option("--log-level", level, "error, warn, info or debug")
      ->check(CLI::IsMember({"error", "warn", "info", "debug"}));
  app.set_version_flag("--version", std::string("fairlead-monitor ") + FL_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    options.text = app.help();
  } catch (const CLI::CallForVersion&) {
    options.text = app.version() + "\n";
  } catch (const CLI::Error& e) {
    return base::invalid(
        "command line: " + base::excerpt(e.what(), 300) + "; see fairlead-monitor --help"
    );
  }
  options.log_level = kLevels.at(level);
  if (!config::is_endpoint(options.listen)) {
    return base::invalid(
        "command line: --listen " + base::quoted(options.listen) +
        " is not ADDRESS:PORT, use for example 0.0.0.0:9300"
    );
  }
  if (options.metrics == "off") options.metrics.clear();
  if (!options.metrics.empty() && !config::is_endpoint(options.metrics)) {
    return base::invalid(
        "command line: --metrics " + base::quoted(options.metrics) +
        " is not ADDRESS:PORT, use for example 127.0.0.1:9301"
    );
  }
  if (options.advertise.empty()) options.advertise = options.listen;
  if (!config::is_endpoint(options.advertise)) {
    return base::invalid(
        "command line: --advertise " + base::quoted(options.advertise) +
        " is not ADDRESS:PORT, use for example 192.0.2.21:9300"
    );
  }
  return options;
}

}  // namespace fairlead::central
