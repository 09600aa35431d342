// SPDX-License-Identifier: BSD-3-Clause
// From options to files.
#include "control/sim/commands.hh"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <optional>
#include <sstream>

#include <unistd.h>

#include "control/model/names.hh"
#include "control/sim/files.hh"
#include "control/sim/from_config.hh"
#include "control/sim/options.hh"
#include "control/sim/run_plot.hh"
#include "control/sim/simulation.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/sys/input_file.hh"
#include "dataplane/sys/output_file.hh"
#include "dataplane/sys/report.hh"

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

/// Nothing for an empty path.
base::Result<std::optional<sys::OutputFile>> staged(const std::string& path) {
  if (path.empty()) return std::nullopt;
  FL_ASSIGN(sys::OutputFile file, sys::OutputFile::stage(path));
  return std::optional<sys::OutputFile>(std::move(file));
}

void write(const sys::OutputFile& file, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), file.file());  // commit() tells errors
}

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
  const bool both = input.has_requests && !updates.empty();
  if (both && std::max(input.requests.requests.back().at, updates.back().at) - first > kLongestRun)
    return base::invalid(
        o.updates + ":1: t_us and the arrival_us of " + o.requests +
        " are more than 30 days apart, count both from the same moment"
    );
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
      sys::tell("fairlead-sim", "warning: " + warning);
  }
  if (!o.scenario.empty()) {
    FL_ASSIGN(input.setup, scenario_setup(o, o.config.empty() ? nullptr : &config));
    FL_ASSIGN(
        input.setup.policy,
        make_policy(o.config.empty() ? "adaptive" : model::to_string(config.policy))
    );
    input.setup.rails = rails_of(config);
  } else {
    if (o.overrides.nodes) config.simulation.nodes = *o.overrides.nodes;
    if (o.overrides.backends) config.simulation.backends = *o.overrides.backends;
    if (o.overrides.seed) config.simulation.seed = *o.overrides.seed;
    if (o.overrides.duration) config.simulation.duration = *o.overrides.duration;
    FL_ASSIGN(input.setup, setup_from(config));
    apply_to_setup(o.overrides, input.setup);
    FL_TRY(read_files(o, config, input));
    for (const std::string& late : events_too_late(config, input.setup))
      sys::tell("fairlead-sim", "warning: " + late);
  }
  if (!o.policy.empty()) {
    FL_ASSIGN(input.setup.policy, make_policy(o.policy));
  }
  return input;
}

/// The files of a run, opened before it begins; without commit() nothing of them stays.
class Outputs {
 public:
  static base::Result<Outputs> stage(const Options& o, const Input& input) {
    Outputs outputs;
    if (!o.out.empty()) {
      FL_ASSIGN(sys::OutputFolder folder, sys::OutputFolder::make(o.out));
      outputs.folder_.emplace(std::move(folder));
      FL_ASSIGN(sys::OutputFile rows, sys::OutputFile::stage(decisions_path(o)));
      FL_ASSIGN(outputs.report_, staged(report_path(o)));
      const auto* ids = input.has_requests ? &input.requests.ids : nullptr;
      outputs.decisions_.emplace(std::move(rows), input.setup, ids, input.start);
    }
    FL_ASSIGN(outputs.plot_, staged(o.plot));
    FL_ASSIGN(outputs.policy_log_, staged(o.policy_log));
    return outputs;
  }
  static std::string decisions_path(const Options& o) {
    return o.out.empty() ? "" : o.out + "/decisions.csv";
  }
  static std::string report_path(const Options& o) {
    return o.out.empty() ? "" : o.out + "/report.json";
  }

  [[nodiscard]] DecisionsFile* decisions() { return decisions_ ? &*decisions_ : nullptr; }
  [[nodiscard]] policy::DecisionLog::Sink policy_log_sink() {
    return [this](std::string_view line) { write(*policy_log_, line); };
  }
  base::Result<void> commit(const Setup& setup, const Measures& measures, Time first_arrival) {
    if (report_) write(*report_, report_json(setup, measures, first_arrival));
    if (plot_) write(*plot_, run_svg(setup, measures));
    if (decisions_) FL_TRY(decisions_->commit());
    if (report_) FL_TRY(report_->commit());
    if (plot_) FL_TRY(plot_->commit());
    if (policy_log_) FL_TRY(policy_log_->commit());
    if (folder_) folder_->keep();
    return {};
  }

 private:
  std::optional<sys::OutputFolder> folder_;  // outlives the files in it
  std::optional<DecisionsFile> decisions_;
  std::optional<sys::OutputFile> report_;
  std::optional<sys::OutputFile> plot_;
  std::optional<sys::OutputFile> policy_log_;
};

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

/// Pictures are SVG, whatever the file's name: one that promises another format would lie.
base::Result<bool> check_plot_name(const std::string& path) {
  const auto dot = path.find_last_of("./");
  std::string ending = dot == std::string::npos || path[dot] == '/' ? "" : path.substr(dot);
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const char* other : {".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf", ".eps", ".ps"})
    if (ending == other)
      return base::invalid(
          "--plot " + base::quoted(path) + ": pictures are SVG, name the file " +
          base::quoted(path.substr(0, dot) + ".svg")
      );
  return true;
}

base::Result<bool> run_one(const Options& o) {
  const sys::NamedFile outputs_named[] = {
      {"--out", Outputs::decisions_path(o)},
      {"--out", Outputs::report_path(o)},
      {"--plot", o.plot},
      {"--policy-log", o.policy_log}};
  const sys::NamedFile inputs_named[] = {
      {"--config", o.config}, {"--requests", o.requests}, {"--updates", o.updates}};
  FL_TRY(sys::check_outputs(outputs_named, inputs_named));
  FL_TRY(check_plot_name(o.plot));
  FL_ASSIGN(Input input, read_input(o));
  FL_ASSIGN(Outputs outputs, Outputs::stage(o, input));
  policy::DecisionLog log(outputs.policy_log_sink());
  if (!o.policy_log.empty()) input.setup.decision_log = &log;
  const Setup& setup = input.setup;
  Progress progress(!o.quiet);
  Watchers watchers;
  Time first_arrival = kNever;
  if (DecisionsFile* decisions = outputs.decisions(); decisions != nullptr)
    watchers.decision = [&first_arrival, decisions](const Decision& d) {
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
  FL_TRY(outputs.commit(setup, measures, first_arrival == kNever ? 0 : first_arrival));
  if (!o.quiet) print_summary(setup, measures);
  return true;
}

base::Result<bool> run_comparison(const Options& o) {
  const sys::NamedFile named[] = {{"--json", o.json}, {"--plot", o.plot}};
  FL_TRY(sys::check_outputs(named, {}));
  FL_TRY(check_plot_name(o.plot));
  FL_ASSIGN(std::optional<sys::OutputFile> json, staged(o.json));
  FL_ASSIGN(std::optional<sys::OutputFile> plot, staged(o.plot));
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
  if (json) write(*json, comparison_json(result));
  if (plot) write(*plot, comparison_svg(result));
  if (json) FL_TRY(json->commit());
  if (plot) FL_TRY(plot->commit());
  return true;
}

base::Result<bool> run_training(const Options& o) {
  const sys::NamedFile named[] = {{"--out", o.out}};
  FL_TRY(sys::check_outputs(named, {}));
  FL_ASSIGN(sys::OutputFile file, sys::OutputFile::stage(o.out));
  const auto told = [](std::uint32_t episode, double reward) {
    std::printf("episode %u: mean reward %.4f\n", episode + 1, reward);
    std::fflush(stdout);
  };
  write(file, actor_source(train(o.training, told), o.training));
  FL_TRY(file.commit());
  return true;
}

base::Result<bool> run_replay(const std::string& path) {
  FL_ASSIGN(std::string text, sys::read_input(path, kMostFileBytes, "a decision log"));
  std::istringstream log(std::move(text));
  FL_ASSIGN(const policy::Replayed replayed, policy::replay(log, path));
  std::printf(
      "%llu turns of %llu pools: every decision follows from its inputs\n",
      static_cast<unsigned long long>(replayed.turns),
      static_cast<unsigned long long>(replayed.pools)
  );
  return true;
}

}  // namespace

int run_command_line(int argc, char** argv) {
  const auto options = parse_options(argc, argv);
  if (options && !options->text.empty()) {
    std::fputs(options->text.c_str(), stdout);
    return 0;
  }
  const base::Result<bool> done = !options                    ? tl::unexpected(options.error())
                                  : !options->replays.empty() ? run_replay(options->replays)
                                  : options->trains           ? run_training(*options)
                                  : options->compares         ? run_comparison(*options)
                                                              : run_one(*options);
  if (done) return 0;
  return sys::report("fairlead-sim", done.error());
}

}  // namespace fairlead::sim
