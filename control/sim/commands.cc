// SPDX-License-Identifier: BSD-3-Clause
// From options to files.
#include "control/sim/commands.hh"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>

#include <sys/stat.h>
#include <unistd.h>

#include "control/model/names.hh"
#include "control/sim/files.hh"
#include "control/sim/from_config.hh"
#include "control/sim/options.hh"
#include "control/sim/run_plot.hh"
#include "control/sim/simulation.hh"

namespace fairlead::sim {

namespace {

/// A bar on stderr, only where somebody looks.
class Progress {
 public:
  explicit Progress(bool wanted) : shown_(wanted && ::isatty(STDERR_FILENO) == 1) {}
  [[nodiscard]] bool shown() const { return shown_; }
  void show(double part) {
    constexpr int kCells = 40;
    const int filled = static_cast<int>(std::clamp(part, 0.0, 1.0) * kCells);
    const int percent = static_cast<int>(std::clamp(part, 0.0, 1.0) * 100);
    if (!shown_ || percent == last_) return;
    last_ = percent;
    std::fprintf(stderr, "\r[");
    for (int i = 0; i < kCells; ++i) std::fputc(i < filled ? '#' : '.', stderr);
    std::fprintf(stderr, "] %3d %%", percent);
    std::fflush(stderr);
  }
  void end() {
    if (shown_ && last_ >= 0) std::fprintf(stderr, "\r%*s\r", 50, "");
    last_ = -1;
  }

 private:
  bool shown_;
  int last_ = -1;
};

struct Input {
  Setup setup;
  RequestsFile requests;
  bool has_requests = false;
  Time start = 0;  // added to every time of the output
};

base::Result<Setup> scenario_setup(const Options& o, const config::Config* config) {
  ScenarioOptions s;
  s.name = o.scenario;
  if (s.name == "scale") s.backends = 1000;
  if (config != nullptr) {
    const config::Simulation& sim = config->simulation;
    if (config->has_simulation) {
      s.nodes = sim.nodes;
      s.backends = sim.backends;
      s.load = sim.load;
      s.rate = sim.rate;
      s.duration = static_cast<Time>(sim.duration);
      s.seed = sim.seed;
      s.exchange.interval = static_cast<Time>(sim.exchange);
    }
    s.monitoring.interval = static_cast<Time>(config->monitoring.interval);
  }
  apply(o.overrides, s);
  return make_scenario(s);
}

void apply_to_setup(const Overrides& o, Setup& s) {
  if (o.seed) s.seed = *o.seed;
  if (o.rate) s.arrivals.rate = *o.rate;
  if (o.load) s.arrivals.rate = *o.load * capacity_of(s);
  if (o.duration) s.duration = *o.duration;
  if (o.interval) s.monitoring.interval = *o.interval;
  if (o.delay) s.monitoring.delay = *o.delay;
  if (o.exchange) s.exchange.interval = *o.exchange;
  if (o.requests) s.connections.requests = *o.requests;
}

base::Result<bool> read_files(const Options& o, const config::Config& config, Input& input) {
  std::vector<FileUpdate> updates;
  if (!o.requests.empty()) {
    FL_ASSIGN(input.requests, read_requests(o.requests));
    input.has_requests = true;
  }
  if (!o.updates.empty()) {
    FL_ASSIGN(updates, read_updates(o.updates));
  }
  Time first = kNever;
  if (!input.requests.requests.empty()) first = input.requests.requests[0].at;
  if (!updates.empty()) first = std::min(first, updates[0].at);
  if (first != kNever && (input.has_requests || !updates.empty()))
    input.start = first / kSecond * kSecond;
  if (!o.updates.empty()) FL_TRY(use_updates(std::move(updates), config, input.start, input.setup));
  if (input.has_requests) use_requests(input.requests, input.start, input.setup);
  return true;
}

base::Result<Input> read_input(const Options& o) {
  if (o.config.empty() && o.scenario.empty())
    return base::invalid("nothing to simulate, give --config FILE or --scenario NAME");
  if (!o.scenario.empty() && (!o.requests.empty() || !o.updates.empty()))
    return base::invalid(
        "--scenario makes its own requests and updates, give it without these files"
    );
  Input input;
  config::Config config;
  if (!o.config.empty()) {
    FL_ASSIGN(config, config::load_config(o.config, config::Purpose::kSimulate));
    for (const std::string& warning : config.warnings)
      std::fprintf(stderr, "fairlead-sim: warning: %s\n", warning.c_str());
  }
  if (!o.scenario.empty()) {
    FL_ASSIGN(input.setup, scenario_setup(o, o.config.empty() ? nullptr : &config));
    FL_ASSIGN(
        input.setup.policy,
        make_policy(o.config.empty() ? "adaptive" : model::to_string(config.policy))
    );
  } else {
    if (o.overrides.nodes) config.simulation.nodes = *o.overrides.nodes;
    if (o.overrides.backends) config.simulation.backends = *o.overrides.backends;
    FL_ASSIGN(input.setup, setup_from(config));
    apply_to_setup(o.overrides, input.setup);
    FL_TRY(read_files(o, config, input));
  }
  if (!o.policy.empty()) {
    FL_ASSIGN(input.setup.policy, make_policy(o.policy));
  }
  return input;
}

base::Result<bool> make_directory(const std::string& path) {
  for (std::size_t at = 1; at <= path.size(); ++at) {
    if (at < path.size() && path[at] != '/') continue;
    if (::mkdir(path.substr(0, at).c_str(), 0755) != 0 && errno != EEXIST)
      return base::system_error("make directory " + path, errno);
  }
  return true;
}

void print_summary(const Setup& setup, const Measures& m) {
  std::printf(
      "%s%s%s: %llu requests, %llu ok, %llu rejected, %llu failed; latency mean %.2f ms, p95 %.1f, "
      "p99 %.1f, p99.9 %.1f\n",
      setup.policy.name.c_str(),
      setup.scenario.empty() ? "" : ", ",
      setup.scenario.c_str(),
      static_cast<unsigned long long>(m.requests),
      static_cast<unsigned long long>(m.ok),
      static_cast<unsigned long long>(m.rejected),
      static_cast<unsigned long long>(m.failed),
      m.latency.mean() * 1e-6,
      m.latency.quantile(0.95) * 1e-6,
      m.latency.quantile(0.99) * 1e-6,
      m.latency.quantile(0.999) * 1e-6
  );
}

base::Result<bool> run_one(const Options& o) {
  FL_ASSIGN(const Input input, read_input(o));
  const Setup& setup = input.setup;
  Progress progress(!o.quiet);
  Watchers watchers;
  std::optional<DecisionsFile> decisions;
  Time first_arrival = kNever;
  if (!o.out.empty()) {
    FL_TRY(make_directory(o.out));
    FL_ASSIGN(
        DecisionsFile file,
        DecisionsFile::create(
            o.out + "/decisions.csv",
            setup,
            input.has_requests ? &input.requests.ids : nullptr,
            input.start
        )
    );
    decisions.emplace(std::move(file));
  }
  if (decisions)
    watchers.decision = [&](const Decision& d) {
      first_arrival = std::min(first_arrival, d.arrival);
      decisions->add(d);
    };
  if (progress.shown())
    watchers.progress = [&](Time now, Time duration) {
      progress.show(static_cast<double>(now) / static_cast<double>(std::max<Time>(duration, 1)));
    };
  if (!o.plot.empty()) watchers.sample_interval = std::max<Time>(setup.duration / 120, 10 * kMilli);
  const Measures measures = Simulation(setup, watchers).run();
  progress.end();
  if (decisions) {
    FL_TRY(decisions->close());
    const Time first = first_arrival == kNever ? 0 : first_arrival;
    FL_TRY(write_whole(o.out + "/report.json", report_json(setup, measures, first)));
  }
  if (!o.plot.empty()) FL_TRY(write_whole(o.plot, run_svg(setup, measures)));
  if (!o.quiet) print_summary(setup, measures);
  return true;
}

base::Result<bool> run_comparison(const Options& o) {
  Progress progress(!o.quiet);
  FL_ASSIGN(
      const ComparisonResult result,
      compare(
          o.comparison,
          [&](std::size_t done, std::size_t all) {
            progress.show(static_cast<double>(done) / static_cast<double>(all));
          }
      )
  );
  progress.end();
  std::fputs(comparison_table(result).c_str(), stdout);
  if (!o.json.empty()) FL_TRY(write_whole(o.json, comparison_json(result)));
  if (!o.plot.empty()) FL_TRY(write_whole(o.plot, comparison_svg(result)));
  return true;
}

base::Result<bool> run_training(const Options& o) {
  const auto told = [](std::uint32_t episode, double reward) {
    std::printf("episode %u: mean reward %.4f\n", episode + 1, reward);
    std::fflush(stdout);
  };
  return write_whole(o.out, actor_source(train(o.training, told), o.training));
}

}  // namespace

int run_command_line(int argc, char** argv) {
  const auto options = parse_options(argc, argv);
  if (options && !options->text.empty()) {
    std::fputs(options->text.c_str(), stdout);
    return 0;
  }
  const base::Result<bool> done = !options            ? tl::unexpected(options.error())
                                  : options->trains   ? run_training(*options)
                                  : options->compares ? run_comparison(*options)
                                                      : run_one(*options);
  if (done) return 0;
  std::fprintf(stderr, "fairlead-sim: %s\n", done.error().what.c_str());
  return base::exit_status(done.error());
}

}  // namespace fairlead::sim
