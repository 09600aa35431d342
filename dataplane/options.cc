// SPDX-License-Identifier: BSD-3-Clause
// Reads the command line (CLI11, whose exceptions end here).
#include "dataplane/options.hh"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <string>
#include <system_error>

#include <CLI/CLI.hpp>

namespace fairlead::dataplane {
namespace {

/// Whether two paths name one file, however they are spelled; it need not exist yet.
bool same_file(const std::string& a, const std::string& b) {
  if (a.empty() || b.empty()) return false;
  std::error_code error;
  if (std::filesystem::equivalent(a, b, error)) return true;
  const auto canonical =
      std::filesystem::weakly_canonical(std::filesystem::absolute(a, error), error);
  const auto other = std::filesystem::weakly_canonical(std::filesystem::absolute(b, error), error);
  return !error && canonical == other;
}

/// Outputs are written beside their place and renamed, so devices, pipes and links would be lost.
bool replaceable(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::symlink_status(path, error);
  return !std::filesystem::exists(status) || std::filesystem::is_regular_file(status) ||
         std::filesystem::is_directory(status);  // a folder is refused where it is opened
}

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

base::Result<Options> check(Options options, const ReplayOptions& replay, bool other_given) {
  if (options.config.empty()) {
    return base::invalid(
        "--config is missing: give the configuration file, e.g. --config config/control.yaml"
    );
  }
  const std::string* const outputs[] = {&replay.out, &replay.decisions, &replay.answers};
  if (replay.in.empty()) {
    const bool any = std::any_of(std::begin(outputs), std::end(outputs), [](const auto* path) {
      return !path->empty();
    });
    if (any || other_given) {
      return base::invalid(
          "--out, --decisions, --answers, --mtu and --clock belong to a replay: give --replay "
          "IN.pcap too"
      );
    }
    return options;
  }
  if (replay.out.empty()) {
    return base::invalid("--out is missing: --replay needs a file for the forwarded packets");
  }
  for (const std::string* path : outputs) {
    if (path->empty()) continue;
    if (!replaceable(*path)) {
      return base::invalid(
          *path + ": is not a regular file, a replay would replace it; choose another output"
      );
    }
    if (same_file(*path, replay.in)) {
      return base::invalid(
          "--replay " + replay.in + ": input and output are the same file; choose another output"
      );
    }
    if (same_file(*path, options.config)) {
      return base::invalid(
          "--config " + options.config + ": a replay would overwrite it; choose another output"
      );
    }
  }
  if (same_file(replay.out, replay.decisions)) {
    return base::invalid(
        "--decisions " + replay.decisions + ": same file as --out; choose another one"
    );
  }
  if (!replay.answers.empty() &&
      (same_file(replay.answers, replay.out) || same_file(replay.answers, replay.decisions))) {
    return base::invalid(
        "--answers " + replay.answers + ": same file as another output; choose another one"
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
  app.add_flag(
      "--replace",
      options.replace,
      "upgrade: end the data plane that runs here and take its place; the XDP gate forwards "
      "meanwhile"
  );
  app.add_flag("-v,--verbose", options.verbose, "show DPDK's own log");
  app.add_option(
      "--replay", replay.in, "run this pcap file through the pipeline instead of forwarding"
  );
  app.add_option("--out", replay.out, "replay: forwarded packets");
  app.add_option("--decisions", replay.decisions, "replay: one CSV row a packet");
  app.add_option("--answers", replay.answers, "replay: packets that the node sends back itself");
  auto* mtu = app.add_option("--mtu", replay.mtu, "replay: the port's MTU; default 65535")
                  ->check(CLI::Range(68, 65535));
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
  return check(std::move(options), replay, clock->count() + mtu->count() > 0);
}

}  // namespace fairlead::dataplane
