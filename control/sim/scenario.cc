// SPDX-License-Identifier: BSD-3-Clause
// Built-in scenarios: backends, faults over time, all from the seed.
#include "control/sim/scenario.hh"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "control/sim/portable_math.hh"
#include "control/sim/workload.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::sim {

namespace {

constexpr std::array<double, 4> kSpeeds = {0.4, 0.8, 1.2, 1.6};

enum class Speeds { kEqual, kDeclared, kHidden, kWrong };

std::vector<Backend> make_backends(std::uint32_t count, Speeds speeds) {
  std::vector<Backend> result;
  for (std::uint32_t b = 0; b < count; ++b) {
    Backend backend;
    backend.id = "b" + std::to_string(b + 1);
    if (speeds != Speeds::kEqual) backend.spec.speed = kSpeeds[b % kSpeeds.size()];
    if (speeds == Speeds::kDeclared)
      backend.weight = static_cast<std::uint32_t>(std::lround(100 * backend.spec.speed));
    if (speeds == Speeds::kWrong)  // the slowest as the fastest
      backend.weight =
          static_cast<std::uint32_t>(std::lround(100 * kSpeeds[kSpeeds.size() - 1 - b % 4]));
    result.push_back(std::move(backend));
  }
  return result;
}

/// A fresh random stream for each kind of fault of a scenario.
policy::Random chance(const Setup& setup, std::uint64_t use) {
  return policy::Random(draws(setup.seed, StreamName::kFaults).word(use));
}

double between(policy::Random& random, double low, double high) {
  return low + (high - low) * random.uniform();
}

Time at(const Setup& setup, double part) {
  return static_cast<Time>(part * static_cast<double>(setup.duration));
}

/// Random backends, at least one, none twice; `apart`: other ones than in the last call.
std::vector<std::uint32_t> choose(std::uint32_t count, double share, policy::Random& random) {
  std::vector<std::uint32_t> all(count);
  std::iota(all.begin(), all.end(), 0);
  for (std::uint32_t i = count; i > 1; --i) std::swap(all[i - 1], all[random.below(i)]);
  const auto wanted = static_cast<std::size_t>(std::lround(share * count));
  all.resize(std::max<std::size_t>(2 * std::max<std::size_t>(wanted, 1), 2));
  return all;
}

/// A share of the backends turns grey twice: ten times the latency, a tenth of the utilisation.
void add_grey(Setup& setup, double share) {
  auto random = chance(setup, 2);
  const auto count = static_cast<std::uint32_t>(setup.backends.size());
  const auto chosen = choose(count, share, random);
  const std::size_t half = chosen.size() / 2;
  for (std::size_t i = 0; i < chosen.size() && count > 1; ++i) {
    const double from = i < half ? 0.2 : 0.55;
    const std::uint32_t b = chosen[i];
    setup.faults.push_back({at(setup, from), FaultKind::kFactor, b, 0.1});
    setup.faults.push_back({at(setup, from), FaultKind::kReportFactor, b, 0.1});
    setup.faults.push_back({at(setup, from + 0.35), FaultKind::kFactor, b, 1});
    setup.faults.push_back({at(setup, from + 0.35), FaultKind::kReportFactor, b, 1});
  }
}

/// A share crashes and recovers, later another. On whole probe intervals, so that detection takes
/// exactly `fall` of them.
void add_crashes(Setup& setup, double share, FaultKind kind) {
  auto random = chance(setup, 3);
  const auto count = static_cast<std::uint32_t>(setup.backends.size());
  const auto chosen = choose(count, share, random);
  const std::size_t half = chosen.size() / 2;
  const auto whole = [&](double part) {
    return at(setup, part) / setup.health.interval * setup.health.interval;
  };
  for (std::size_t i = 0; i < chosen.size() && count > 1; ++i) {
    const double from = i < half ? 0.2 : 0.6;
    setup.faults.push_back({whole(from), kind, chosen[i], 1});
    setup.faults.push_back({whole(from + 0.32), FaultKind::kRecover, chosen[i], 1});
  }
}

/// Backends join and leave, a node dies and returns, one in ten backends lies: beyond the study.
void add_churn(Setup& setup) {
  const auto count = static_cast<std::uint32_t>(setup.backends.size());
  for (std::uint32_t b = 0; b < count; b += 10) {
    setup.faults.push_back({at(setup, 0.3), FaultKind::kLeave, b, 1});
    setup.faults.push_back({at(setup, 0.6), FaultKind::kJoin, b, 1});
  }
}

void add_node_deaths(Setup& setup) {
  for (const double part : {0.3, 0.6}) {
    const std::uint32_t node = part < 0.5 ? 0 : setup.nodes - 1;
    add_node_death(at(setup, part), node, setup);
    setup.faults.push_back({at(setup, part + 0.2), FaultKind::kNodeReturns, node, 1});
  }
}

}  // namespace

void add_antagonists(double share, Setup& setup) {
  auto random = chance(setup, 1);
  constexpr double kMeanEpisode = 25;  // seconds
  const double mean_quiet = kMeanEpisode * (1 - share) / share;
  for (std::uint32_t b = 0; b < setup.backends.size(); ++b) {
    double now = 0;
    const bool begins_busy = random.uniform() < share;
    double until = between(random, 10, 40);
    if (begins_busy) {
      until *= random.uniform();
    } else {
      now = -mean_quiet * portable_log(random.uniform());
      until += now;
    }
    while (now < static_cast<double>(setup.duration) * 1e-9) {
      const double left = between(random, 0.25, 0.5);
      setup.faults.push_back({static_cast<Time>(now * 1e9), FaultKind::kFactor, b, left});
      setup.faults.push_back({static_cast<Time>(until * 1e9), FaultKind::kFactor, b, 1});
      now = until - mean_quiet * portable_log(random.uniform());
      until = now + between(random, 10, 40);
    }
  }
}

void add_node_death(Time when, std::uint32_t node, Setup& setup) {
  setup.faults.push_back({when, FaultKind::kNodeDies, node, 1});
  setup.faults.push_back({when + setup.node_detection, FaultKind::kNodeDies, node, 1});
}

void sort_faults(Setup& setup) {
  std::stable_sort(setup.faults.begin(), setup.faults.end(), [](const Fault& x, const Fault& y) {
    return x.at < y.at;
  });
}

const std::vector<ScenarioInfo>& scenarios() {
  static const std::vector<ScenarioInfo> kAll = {
      {"homog", "equal backends"},
      {"hetero", "speeds 1:2:3:4, weights declared right"},
      {"hetero-hidden", "the same speeds, weights declared equal"},
      {"hetero-wrong", "the same speeds, declared the wrong way round"},
      {"antag", "a tenth of the backends lose 50 to 75 % of their speed, for 10 to 40 s each"},
      {"crash", "5 % crash as black holes and recover, then others; detected after 2 s"},
      {"crash-rst", "the same, the hosts answer with resets"},
      {"gray", "3 % have ten times the latency at a tenth of the reported CPU, twice"},
      {"flash", "a crowd: 30 % more for 30 % of the run; speeds 1:2:3:4 declared"},
      {"mixed", "hidden speeds, antagonists, 2 % gray, 2 % crashes"},
      {"scale", "100,000 requests a second; meant for 1000 backends and 50 nodes"},
      {"bursty", "rate swings between a half and one and a half about every second"},
      {"diurnal", "rate follows a day of 30 s"},
      {"churn", "a tenth of the backends leave and join again"},
      {"node-death", "a node dies and returns, later another"},
      {"node-death-rehash", "the same, the router moves flows of living nodes too"},
      {"lies", "a tenth of the backends report a tenth of their utilisation; hidden speeds"},
  };
  return kAll;
}

base::Result<Setup> make_scenario(const ScenarioOptions& o) {
  const auto known = [&](const ScenarioInfo& s) { return s.name == o.name; };
  if (std::none_of(scenarios().begin(), scenarios().end(), known)) {
    std::string names;
    for (const ScenarioInfo& s : scenarios()) names += " " + std::string(s.name);
    return base::invalid("scenario " + base::quoted(o.name) + ": unknown, use one of:" + names);
  }
  const bool hidden = o.name == "hetero-hidden" || o.name == "mixed" || o.name == "lies";
  const bool declared = o.name == "hetero" || o.name == "flash";
  Setup s;
  s.scenario = o.name;
  s.seed = o.seed;
  s.duration = o.duration;
  s.warmup = o.warmup;
  s.nodes = o.nodes;
  s.monitoring = o.monitoring;
  s.exchange = o.exchange;
  s.connections.requests = o.requests_per_connection;
  s.backends = make_backends(
      o.backends,
      hidden                     ? Speeds::kHidden
      : declared                 ? Speeds::kDeclared
      : o.name == "hetero-wrong" ? Speeds::kWrong
                                 : Speeds::kEqual
  );
  s.arrivals.rate = o.rate > 0 ? o.rate : o.load * capacity_of(s);
  if (o.name == "scale" && o.rate <= 0) s.arrivals.rate = 100'000;
  if (o.name == "flash") {
    s.arrivals.kind = ArrivalKind::kFlash;
    s.arrivals.flash_from = at(s, 0.4);
    s.arrivals.flash_until = at(s, 0.7);
  }
  if (o.name == "bursty") s.arrivals.kind = ArrivalKind::kBursty;
  if (o.name == "diurnal") {
    s.arrivals.kind = ArrivalKind::kDiurnal;
    s.arrivals.period = 30;
  }
  if (o.name == "lies") s.monitoring.lies = 0.1;
  if (o.name == "antag" || o.name == "mixed") add_antagonists(0.1, s);
  if (o.name == "gray" || o.name == "mixed") add_grey(s, o.name == "mixed" ? 0.02 : 0.03);
  if (o.name == "crash") add_crashes(s, 0.05, FaultKind::kCrashSilent);
  if (o.name == "crash-rst") add_crashes(s, 0.05, FaultKind::kCrashRefuse);
  if (o.name == "mixed") add_crashes(s, 0.02, FaultKind::kCrashSilent);
  if (o.name == "churn") add_churn(s);
  if (o.name == "node-death" || o.name == "node-death-rehash") add_node_deaths(s);
  s.resilient_router = o.name != "node-death-rehash";
  sort_faults(s);
  return s;
}

}  // namespace fairlead::sim
