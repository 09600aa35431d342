// SPDX-License-Identifier: BSD-3-Clause
// Reading the command line; CLI11's exceptions end here.
#include "control/sim/options.hh"

#include <cmath>

#include <CLI/CLI.hpp>

#include "control/config/units.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/steer/abi.h"
#include "dataplane/sys/given_values.hh"

namespace fairlead::sim {

namespace {

/// Text of options until it is checked.
struct Raw {
  std::optional<std::string> duration;
  std::optional<std::string> interval;
  std::optional<std::string> delay;
  std::optional<std::string> exchange;
  double load = 0;
  double rate = 0;
  std::uint32_t nodes = 0;
  std::uint32_t backends = 0;
  std::uint64_t seed = 0;
  std::uint32_t requests = 0;
};

/// CLI11 itself takes -1 for the largest number, and so all that is larger.
void add_seed(CLI::App& app, const char* name, std::uint64_t& seed, const char* help) {
  app.add_option(name, seed, help)->check([](const std::string& text) -> std::string {
    if (config::parse_whole(text)) return "";
    return base::quoted(text) + " is no whole number from 0 to 18446744073709551615";
  });
}

/// Options of a single run say nothing to a subcommand.
base::Result<bool> none_of_a_run(const CLI::App& app, const CLI::App& command) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() == 0) continue;
    return base::invalid(
        option->get_name() + " is of a single run: write it behind " + command.get_name() +
        " if that knows it; see fairlead-sim " + command.get_name() + " --help"
    );
  }
  return true;
}

void add_common(CLI::App& app, Raw& raw) {
  app.add_option("--nodes", raw.nodes, "load balancer nodes, 1 to 1000")
      ->check(CLI::Range(1, 1000))
      ->option_text("N");
  app.add_option("--backends", raw.backends, "backends, 1 to 4096")
      ->check(CLI::Range(1U, FL_MAX_BACKENDS))
      ->option_text("N");
  app.add_option("--load", raw.load, "of the capacity, above 0 to 10")
      ->check(CLI::Range(1e-6, 10.0))
      ->option_text("SHARE");
  app.add_option("--rate", raw.rate, "requests a second, instead of --load")
      ->check(CLI::Range(1e-3, 1e8))
      ->option_text("RATE");
  app.add_option("--duration", raw.duration, "simulated time, for example 60s");
  app.add_option("--interval", raw.interval, "of monitoring, for example 1s");
  app.add_option("--delay", raw.delay, "of monitoring reports, for example 50ms");
  app.add_option("--exchange", raw.exchange, "of in-flight counts, for example 5ms");
  app.add_option("--connection-requests", raw.requests, "requests of a connection, 1 to 200")
      ->check(CLI::Range(1, 200))
      ->option_text("N");
}

base::Result<bool> duration(
    const std::optional<std::string>& given,
    const char* option,
    Time least,
    std::optional<Time>& out
) {
  if (!given) return true;
  const std::string& text = *given;
  const auto value = config::parse_duration(text);
  constexpr base::Nanoseconds kMost = 30ULL * 24 * 3600 * base::kSecond;
  if (!value || *value > kMost || static_cast<Time>(*value) < least)
    return base::invalid(
        std::string(option) + ": " + base::quoted(text) +
        " is no duration, use for example 500ms or 60s"
    );
  out = static_cast<Time>(*value);
  return true;
}

base::Result<Overrides> overrides_of(const CLI::App& app, const Raw& raw) {
  Overrides o;
  const auto given = [&](const char* name) {
    const auto* option = app.get_option_no_throw(name);
    return option != nullptr && option->count() > 0;
  };
  if (given("--nodes")) o.nodes = raw.nodes;
  if (given("--backends")) o.backends = raw.backends;
  if (given("--seed")) o.seed = raw.seed;
  if (std::isnan(raw.load)) return base::invalid("--load nan: not a number; above 0 to 10");
  if (std::isnan(raw.rate)) return base::invalid("--rate nan: not a number; requests a second");
  if (given("--load")) o.load = raw.load;
  if (given("--rate")) o.rate = raw.rate;
  if (given("--load") && given("--rate"))
    return base::invalid("--load and --rate exclude each other, keep one");
  if (given("--connection-requests")) o.requests = raw.requests;
  FL_TRY(duration(raw.duration, "--duration", kMilli, o.duration));
  FL_TRY(duration(raw.interval, "--interval", 10 * kMilli, o.interval));
  FL_TRY(duration(raw.delay, "--delay", 0, o.delay));
  FL_TRY(duration(raw.exchange, "--exchange", kMilli / 10, o.exchange));
  return o;
}

std::string lists() {
  std::string out = "\nScenarios:\n";
  for (const ScenarioInfo& s : scenarios())
    out += "  " + std::string(s.name) + std::string(20 - s.name.size(), ' ') + std::string(s.what) +
           "\n";
  out += "\nPolicies (parameters: NAME:choices=3,exponent=1.1):\n";
  for (const PolicyInfo& p : policies())
    out += "  " + std::string(p.name) + std::string(20 - p.name.size(), ' ') + std::string(p.what) +
           "\n";
  return out;
}

}  // namespace

void apply(const Overrides& o, ScenarioOptions& s) {
  if (o.nodes) s.nodes = *o.nodes;
  if (o.backends) s.backends = *o.backends;
  if (o.seed) s.seed = *o.seed;
  if (o.load) s.load = *o.load;
  if (o.rate) s.rate = *o.rate;
  if (o.duration) s.duration = *o.duration;
  if (o.interval) s.monitoring.interval = *o.interval;
  if (o.delay) s.monitoring.delay = *o.delay;
  if (o.exchange) s.exchange.interval = *o.exchange;
  if (o.requests) s.requests_per_connection = *o.requests;
  if (s.warmup >= s.duration) s.warmup = s.duration / 6;
}

base::Result<Options> parse_options(int argc, const char* const* argv) {
  Options options;
  Raw raw;
  CLI::App app{
      "Discrete-event simulator of a Fairlead fleet: production steering and policies, modelled "
      "clients and backends. See docs/simulator.md.",
      "fairlead-sim"};
  app.footer(lists());
  app.add_option("-c,--config", options.config, "configuration (docs/configuration.md)");
  app.add_option("--scenario", options.scenario, "a built-in scenario");
  app.add_option(
      "--requests", options.requests, "CSV: request_id,arrival_us[,src_ip,src_port,service_us]"
  );
  app.add_option("--updates", options.updates, "JSON lines of monitoring updates");
  app.add_option("--out", options.out, "directory for decisions.csv and report.json");
  app.add_option("--policy", options.policy, "instead of the configuration's");
  add_seed(app, "--seed", raw.seed, "of all randomness");
  app.add_option("--plot", options.plot, "write pictures of the run to this SVG file");
  app.add_option(
      "--policy-log", options.policy_log, "file for the policy's inputs and decisions, JSON lines"
  );
  app.add_flag("--quiet", options.quiet, "no progress bar, no summary");
  add_common(app, raw);
  app.set_version_flag("--version", std::string("fairlead-sim ") + FL_VERSION);

  CLI::App* compare =
      app.add_subcommand("compare", "policies side by side over seeds and scenarios");
  Raw compare_raw;
  std::string scenarios_text = "homog";
  compare
      ->add_option(
          "policies",
          options.comparison.policies,
          "policies to compare; wlc, static and jsq are always there"
      )
      ->required();
  compare->add_option(
      "--scenario", scenarios_text, "scenarios, separated by commas; homog if left out"
  );
  compare
      ->add_option("--seeds", options.comparison.seeds, "number of seeds, 1 to 1000; 5 if left out")
      ->check(CLI::Range(1, 1000))
      ->option_text("N");
  add_seed(*compare, "--first-seed", options.comparison.first_seed, "the first of them");
  compare->add_option("--jobs", options.comparison.jobs, "threads, 1 to 256")
      ->check(CLI::Range(1, 256))
      ->option_text("N");
  compare->add_option("--plot", options.plot, "write a picture to this SVG file");
  compare->add_option("--json", options.json, "write all figures to this file");
  compare->add_flag("--quiet", options.quiet, "no progress bar");
  add_common(*compare, compare_raw);
  CLI::App* train =
      app.add_subcommand("train", "train the actor of actor-critic; writes its source file");
  train->add_option("--out", options.out, "file to write")->required();
  train->add_option("--episodes", options.training.episodes, "number of episodes, 1 to 100000")
      ->check(CLI::Range(1, 100000))
      ->option_text("N");
  add_seed(*train, "--seed", options.training.seed, "of the first episode");
  CLI::App* replay = app.add_subcommand("replay", "recompute the decisions of a --policy-log");
  replay->add_option("log", options.replays, "the log")->required();
  app.require_subcommand(0, 1);
  sys::refuse_empty_values(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    options.text = app.help();
    return options;
  } catch (const CLI::CallForVersion&) {
    options.text = app.version() + "\n";
    return options;
  } catch (const CLI::Error& e) {
    return base::invalid(
        "command line: " + base::excerpt(e.what(), 300) + "; see fairlead-sim --help"
    );
  }
  options.compares = compare->parsed();
  options.trains = train->parsed();
  if (options.compares) FL_TRY(none_of_a_run(app, *compare));
  if (options.trains) FL_TRY(none_of_a_run(app, *train));
  if (replay->parsed()) FL_TRY(none_of_a_run(app, *replay));
  FL_ASSIGN(
      options.overrides,
      options.compares ? overrides_of(*compare, compare_raw) : overrides_of(app, raw)
  );
  if (options.compares) {
    for (std::size_t at = 0; at <= scenarios_text.size();) {
      const auto comma = std::min(scenarios_text.find(',', at), scenarios_text.size());
      options.comparison.scenarios.push_back(scenarios_text.substr(at, comma - at));
      at = comma + 1;
    }
    apply(options.overrides, options.comparison.options);
  }
  return options;
}

}  // namespace fairlead::sim
