// SPDX-License-Identifier: BSD-3-Clause
// Reads the command line (CLI11, whose exceptions end here).
#include "dataplane/options.hh"

#include <map>

#include <CLI/CLI.hpp>

namespace fairlead::dataplane {
namespace {

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

base::Result<Options> check(Options options, const ReplayOptions& replay, bool clock_given) {
  if (options.config.empty()) {
    return base::invalid(
        "--config is missing: give the configuration file, e.g. --config config/control.yaml"
    );
  }
  if (replay.in.empty()) {
    if (!replay.out.empty() || !replay.decisions.empty() || clock_given) {
      return base::invalid(
          "--out, --decisions and --clock belong to a replay: give --replay IN.pcap too"
      );
    }
    return options;
  }
  if (replay.out.empty()) {
    return base::invalid("--out is missing: --replay needs a file for the forwarded packets");
  }
  if (replay.out == replay.in || replay.decisions == replay.in) {
    return base::invalid(
        "--replay " + replay.in + ": input and output are the same file; choose another output"
    );
  }
  if (replay.out == options.config || replay.decisions == options.config) {
    return base::invalid(
        "--config " + options.config + ": a replay would overwrite it; choose another output"
    );
  }
  if (replay.out == replay.decisions) {
    return base::invalid(
        "--decisions " + replay.decisions + ": same file as --out; choose another one"
    );
  }
  options.replay = replay;
  return options;
}

}  // namespace

base::Result<Options> parse_options(int argc, const char* const* argv) {
  Options options;
  ReplayOptions replay;
  Hugepages hugepages = Hugepages::kAuto;
  CLI::App app{"Fairlead's forwarding process: DPDK workers, or a replay of a pcap file."};
  app.set_version_flag("--version", "fairlead-dataplane " FL_VERSION);
  app.add_option("-c,--config", options.config, "configuration file (YAML)");
  app.add_option(
      "--runtime-dir", options.runtime_dir, "instead of the configured node.runtime_dir"
  );
  auto* huge =
      app.add_option("--hugepages", hugepages, "auto, on or off; instead of memory.hugepages")
          ->transform(CLI::CheckedTransformer(std::map<std::string, Hugepages>{
              {"auto", Hugepages::kAuto}, {"on", Hugepages::kOn}, {"off", Hugepages::kOff}}));
  app.add_option("--eal", options.eal, "a further EAL argument (may be repeated)")
      ->allow_extra_args(false);
  app.add_flag("-v,--verbose", options.verbose, "show DPDK's own log");
  app.add_option(
      "--replay", replay.in, "run this pcap file through the pipeline instead of forwarding"
  );
  app.add_option("--out", replay.out, "replay: forwarded packets");
  app.add_option("--decisions", replay.decisions, "replay: one CSV row a packet");
  auto* clock = app.add_option("--clock", replay.clock, "replay: fixed (default) or pcap")
                    ->transform(CLI::CheckedTransformer(std::map<std::string, ReplayClock>{
                        {"fixed", ReplayClock::kFixed}, {"pcap", ReplayClock::kPcap}}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    options.text = app.help();
    return options;
  } catch (const CLI::CallForVersion&) {
    options.text = "fairlead-dataplane " FL_VERSION "\n";
    return options;
  } catch (const CLI::ParseError& e) {
    return base::invalid("command line: " + one_line(e.what()) + "; see --help");
  }
  if (huge->count() > 0) options.hugepages = hugepages;
  return check(std::move(options), replay, clock->count() > 0);
}

}  // namespace fairlead::dataplane
