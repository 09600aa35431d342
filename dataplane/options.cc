// SPDX-License-Identifier: BSD-3-Clause
// Reads the command line (CLI11, whose exceptions end here).
#include "dataplane/options.hh"

#include <algorithm>
#include <iterator>
#include <string>

#include <CLI/CLI.hpp>

#include "dataplane/base/printable.hh"
#include "dataplane/sys/given_values.hh"
#include "dataplane/sys/output_file.hh"

namespace fairlead::dataplane {
namespace {

base::Result<Options> check(Options options, const ReplayOptions& replay, bool other_given) {
  if (options.config.empty()) {
    return base::invalid(
        "--config is missing: give the configuration file, e.g. --config config/fairlead.yaml"
    );
  }
  const sys::NamedFile outputs[] = {
      {"--out", replay.out}, {"--decisions", replay.decisions}, {"--answers", replay.answers}};
  if (replay.in.empty()) {
    const bool any = std::any_of(std::begin(outputs), std::end(outputs), [](const auto& file) {
      return !file.path.empty();
    });
    if (any || other_given) {
      return base::invalid(
          "--out, --decisions, --answers, --mtu and --clock belong to a replay: give --replay "
          "IN.pcap too"
      );
    }
    return options;
  }
  if (options.replace || !options.eal.empty() || !options.runtime_dir.empty()) {
    return base::invalid(
        "--replace, --eal and --runtime-dir are for forwarding: a replay has neither ports nor a "
        "runtime folder; leave them out"
    );
  }
  for (const sys::NamedFile& file : outputs) {
    if (file.path == "-") {
      return base::invalid(
          std::string(file.option) + ": '-' is no file name: a replay writes files only"
      );
    }
  }
  if (replay.out.empty()) {
    return base::invalid("--out is missing: --replay needs a file for the forwarded packets");
  }
  const sys::NamedFile inputs[] = {{"--replay", replay.in}, {"--config", options.config}};
  FL_TRY(sys::check_outputs(outputs, inputs));
  options.replay = replay;
  return options;
}

std::string refuse_other_words(const std::string& text) {
  if (text == "auto" || text == "on" || text == "off") return {};
  return base::quoted(text) + " is none of auto, on, off";
}

std::string refuse_other_clocks(const std::string& text) {
  if (text == "fixed" || text == "pcap") return {};
  return base::quoted(text) + " is neither fixed nor pcap";
}

/// Arguments that end or hang the process instead of configuring EAL.
std::string refuse_eal_argument(const std::string& text) {
  for (const char* word : {"-h", "--help", "-v", "--version", "--"})
    if (text == word) return text + " is not for a running data plane; dpdk-testpmd shows it";
  if (text.starts_with("--proc-type"))
    return "--proc-type: a data plane is always a primary process";
  return {};
}

}  // namespace

base::Result<Options> parse_options(int argc, const char* const* argv) {
  Options options;
  ReplayOptions replay;
  std::string hugepages;
  CLI::App app{"Fairlead's forwarding process: DPDK workers, or a replay of a pcap file."};
  app.set_version_flag("--version", "fairlead-dataplane " FL_VERSION);
  app.add_option("-c,--config", options.config, "configuration file (YAML)");
  app.add_option(
      "--runtime-dir", options.runtime_dir, "instead of the configured node.runtime_dir"
  );
  auto* huge =
      app.add_option("--hugepages", hugepages, "auto, on or off; instead of memory.hugepages")
          ->check(CLI::Validator(refuse_other_words, ""))
          ->option_text("WORD");
  app.add_option("--eal", options.eal, "a further EAL argument (may be repeated)")
      ->allow_extra_args(false)
      ->check(CLI::Validator(refuse_eal_argument, ""));
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
  auto* mtu =
      app.add_option("--mtu", replay.mtu, "replay: the port's MTU, 68 to 65535; default 65535")
          ->check(CLI::Range(68, 65535))
          ->option_text("BYTES");
  std::string clock_word;
  auto* clock = app.add_option("--clock", clock_word, "replay: fixed (default) or pcap")
                    ->check(CLI::Validator(refuse_other_clocks, ""))
                    ->option_text("WORD");
  sys::refuse_empty_values(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    options.text = app.help();
    return options;
  } catch (const CLI::CallForVersion&) {
    options.text = "fairlead-dataplane " FL_VERSION "\n";
    return options;
  } catch (const CLI::ParseError& e) {
    return base::invalid("command line: " + base::excerpt(e.what(), 300) + "; see --help");
  }
  if (huge->count() > 0) {
    options.hugepages = hugepages == "on"    ? Hugepages::kOn
                        : hugepages == "off" ? Hugepages::kOff
                                             : Hugepages::kAuto;
  }
  if (clock_word == "pcap") replay.clock = ReplayClock::kPcap;
  return check(std::move(options), replay, clock->count() + mtu->count() > 0);
}

}  // namespace fairlead::dataplane
