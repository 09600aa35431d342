// SPDX-License-Identifier: BSD-3-Clause
// What only fairlead-sim reads.
#include "control/config/load_simulation.hh"

#include <algorithm>

#include "control/config/units.hh"

namespace fairlead::config {
namespace {

using base::kMicrosecond;
using base::kMillisecond;
using base::kSecond;

constexpr std::uint64_t kLongest = 30 * 24 * 3600 * kSecond;
constexpr double kLeast = 1e-9;  // Section::real() wants values above its first bound

void load_backends(const Section& simulation, Simulation& sim) {
  const Section s =
      simulation.section("backends", {"count", "cores", "concurrency", "speeds", "discipline"});
  static constexpr std::string_view kDisciplines[] = {"fcfs", "sharing"};
  sim.backends = static_cast<std::uint32_t>(s.whole("count", {1, FL_MAX_BACKENDS}, sim.backends));
  sim.cores = static_cast<std::uint32_t>(s.whole("cores", {1, 1024}, sim.cores));
  sim.concurrency =
      static_cast<std::uint32_t>(s.whole("concurrency", {1, 1'000'000}, sim.concurrency));
  sim.sharing = s.word("discipline", kDisciplines, 0) == 1;
  for (const Value& v : s.list("speeds")) {
    const auto speed = v.kind == Value::Kind::kScalar ? parse_real(v.text) : std::nullopt;
    if (!speed || *speed < 0.001 || *speed > 1000) {
      s.error("speeds", "each speed is a number, 0.001 to 1000");
      return;
    }
    sim.speeds.push_back(*speed);
  }
}

void load_service(const Section& simulation, Simulation& sim) {
  static constexpr std::string_view kDistributions[] = {
      "fixed", "exponential", "lognormal", "bimodal", "pareto"};
  const Section s = simulation.section("service", {"distribution", "mean", "sigma"});
  sim.distribution = static_cast<Distribution>(
      s.word("distribution", kDistributions, static_cast<std::size_t>(sim.distribution))
  );
  sim.service_mean = s.duration("mean", {kMicrosecond, 3600 * kSecond}, sim.service_mean);
  sim.service_sigma = s.real("sigma", 0, 10, sim.service_sigma);
  if (sim.distribution == Distribution::kPareto && sim.service_sigma <= 1)
    s.error("sigma", "a pareto distribution has a mean only if its shape is above 1");
}

void load_clients(const Section& simulation, Simulation& sim) {
  static constexpr std::string_view kProcesses[] = {"poisson", "bursty", "diurnal", "flash"};
  const Section arrivals =
      simulation.section("arrivals", {"process", "amplitude", "period", "from", "until", "factor"});
  sim.arrivals = static_cast<ArrivalProcess>(arrivals.word("process", kProcesses, 0));
  sim.amplitude = arrivals.real("amplitude", 0, 0.99, sim.amplitude);
  sim.arrival_period = arrivals.duration("period", {kMillisecond, kLongest}, sim.arrival_period);
  sim.flash_from = arrivals.duration("from", {0, kLongest}, sim.flash_from);
  sim.flash_until = arrivals.duration("until", {0, kLongest}, sim.flash_until);
  sim.flash_factor = arrivals.real("factor", 0, 100, sim.flash_factor);
  if (sim.flash_until <= sim.flash_from) arrivals.error("until", "must be later than from");
  const Section connection = simulation.section("connection", {"requests", "think"});
  sim.connection_requests =
      static_cast<std::uint32_t>(connection.whole("requests", {1, 200}, sim.connection_requests));
  sim.think = connection.duration("think", {0, 3600 * kSecond}, sim.think);
}

std::vector<std::string> ids_of(const Section& event) {
  std::vector<std::string> ids;
  for (const Value& v : event.list("who")) {
    if (v.kind != Value::Kind::kScalar) {
      event.error("who", "write ids: [b1, b2]");
      return {};
    }
    ids.push_back(v.text);
  }
  if (ids.empty()) event.error("who", "nobody, write ids: [b1, b2]");
  return ids;
}

void load_events(const Section& simulation, Config& c, Diagnosis& diagnosis) {
  static constexpr std::string_view kWords[] = {
      "slow",
      "misreport",
      "crash",
      "refuse",
      "recover",
      "leave",
      "join",
      "node-death",
      "node-return"};
  const auto items = simulation.list("events");
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string path = simulation.path_of(index_path("events", i));
    const Section s(&items[i], items[i].line, path, {"at", "what", "factor", "who"}, diagnosis);
    Event event;
    event.where = c.file + ":" + std::to_string(s.line()) + ": " + path;
    if (s.require("at", "20s")) event.at = s.duration("at", {0, kLongest}, 0);
    if (s.require("what", "crash")) event.what = static_cast<EventKind>(s.word("what", kWords, 0));
    event.factor = s.real("factor", 0, 1000, 1);
    const bool scales = event.what == EventKind::kSlow || event.what == EventKind::kMisreport;
    if (s.has("factor") && !scales) s.error("factor", "belongs to slow and misreport only");
    event.targets = ids_of(s);
    c.simulation.events.push_back(std::move(event));
  }
}

}  // namespace

void load_simulation(const Section& root, Config& c, Diagnosis& diagnosis) {
  const Section s = root.section(
      "simulation",
      {"nodes",
       "backends",
       "service",
       "arrivals",
       "connection",
       "forward_latency",
       "exchange",
       "report_delay",
       "report_loss",
       "antagonists",
       "events",
       "load",
       "rate",
       "duration",
       "seed"}
  );
  Simulation& sim = c.simulation;
  c.has_simulation = root.has("simulation");
  sim.nodes = static_cast<std::uint32_t>(s.whole("nodes", {1, 1000}, sim.nodes));
  load_backends(s, sim);
  load_service(s, sim);
  load_clients(s, sim);
  sim.forward_latency = s.duration("forward_latency", {0, 10 * kSecond}, sim.forward_latency);
  sim.exchange = s.duration("exchange", {kMillisecond, 10 * kSecond}, sim.exchange);
  sim.report_delay = s.duration("report_delay", {0, 3600 * kSecond}, sim.report_delay);
  sim.report_loss = s.real("report_loss", -kLeast, 1, sim.report_loss);
  sim.antagonists = s.real("antagonists", -kLeast, 0.9, sim.antagonists);
  load_events(s, c, diagnosis);
  sim.load = s.real("load", 0, 10, sim.load);
  sim.rate = s.real("rate", 0, 1e8, sim.rate);
  if (s.has("load") && s.has("rate")) s.error("rate", "given beside load, keep one of them");
  sim.duration = s.duration("duration", {kMillisecond, kLongest}, sim.duration);
  sim.seed = s.whole("seed", {0, ~0ULL}, sim.seed);
}

}  // namespace fairlead::config
