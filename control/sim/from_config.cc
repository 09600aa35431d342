// SPDX-License-Identifier: BSD-3-Clause
// Mapping of keys to the model.
#include "control/sim/from_config.hh"

#include <algorithm>
#include <set>

#include "control/model/names.hh"
#include "control/sim/scenario.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/steer/abi.h"

namespace fairlead::sim {

namespace {

BackendSpec spec_of(const config::Simulation& sim, std::size_t position) {
  BackendSpec spec;
  spec.cores = sim.cores;
  spec.concurrency = std::max(sim.concurrency, sim.cores);
  if (!sim.speeds.empty()) spec.speed = sim.speeds[position % sim.speeds.size()];
  if (sim.sharing) spec.discipline = Discipline::kSharing;
  return spec;
}

std::vector<Backend> backends_of(const config::Config& config) {
  std::vector<Backend> result;
  const config::Simulation& sim = config.simulation;
  const bool listed = !config.vips.empty() && !config.vips[0].backends.empty();
  const std::size_t count = listed ? config.vips[0].backends.size() : sim.backends;
  for (std::size_t i = 0; i < count; ++i) {
    Backend backend;
    backend.id = "b" + std::to_string(i + 1);
    backend.spec = spec_of(sim, i);
    if (listed) {
      const model::Backend& from = config.vips[0].backends[i];
      backend.id = from.id;
      backend.weight = from.weight;
      if (from.capacity > 0) backend.spec.concurrency = std::max(from.capacity, 1U);
    }
    result.push_back(std::move(backend));
  }
  return result;
}

Service service_of(const config::Simulation& sim) {
  static constexpr ServiceKind kKinds[] = {
      ServiceKind::kFixed,
      ServiceKind::kExponential,
      ServiceKind::kLognormal,
      ServiceKind::kBimodal,
      ServiceKind::kPareto};
  return {
      kKinds[static_cast<std::size_t>(sim.distribution)],
      static_cast<double>(sim.service_mean) * 1e-9,
      sim.service_sigma};
}

Arrivals arrivals_of(const config::Simulation& sim) {
  static constexpr ArrivalKind kKinds[] = {
      ArrivalKind::kPoisson, ArrivalKind::kBursty, ArrivalKind::kDiurnal, ArrivalKind::kFlash};
  Arrivals a;
  a.kind = kKinds[static_cast<std::size_t>(sim.arrivals)];
  a.amplitude = sim.amplitude;
  a.period = static_cast<double>(sim.arrival_period) * 1e-9;
  a.flash_from = static_cast<Time>(sim.flash_from);
  a.flash_until = static_cast<Time>(sim.flash_until);
  a.flash_factor = sim.flash_factor;
  a.rate = sim.rate;
  return a;
}

FaultKind fault_of(config::EventKind what) {
  static constexpr FaultKind kKinds[] = {
      FaultKind::kFactor,
      FaultKind::kReportFactor,
      FaultKind::kCrashSilent,
      FaultKind::kCrashRefuse,
      FaultKind::kRecover,
      FaultKind::kLeave,
      FaultKind::kJoin,
      FaultKind::kNodeDies,
      FaultKind::kNodeReturns};
  return kKinds[static_cast<std::size_t>(what)];
}

/// Position of a named target; `count` of them, named by `id_of`.
template <typename IdOf>
base::Result<std::uint32_t> position_of(
    const config::Event& event, const std::string& id, std::uint32_t count, const IdOf& id_of
) {
  for (std::uint32_t i = 0; i < count; ++i)
    if (id_of(i) == id) return i;
  return base::invalid(
      event.where + ": no " + base::quoted(id) + " in this run, it has " + std::to_string(count) +
      ": " + id_of(0) + " to " + id_of(count - 1)
  );
}

/// What the configuration says will happen, with the faults by time.
base::Result<bool> add_events(const config::Simulation& sim, Setup& s) {
  if (sim.antagonists > 0) add_antagonists(sim.antagonists, s);
  const auto backend_id = [&](std::uint32_t b) { return s.backends[b].id; };
  const auto node_id_of = [&](std::uint32_t n) { return node_id(s, n); };
  for (const config::Event& event : sim.events)
    for (const std::string& id : event.targets) {
      const bool of_node = event.what >= config::EventKind::kNodeDeath;
      FL_ASSIGN(
          const std::uint32_t target,
          of_node
              ? position_of(event, id, s.nodes, node_id_of)
              : position_of(event, id, static_cast<std::uint32_t>(s.backends.size()), backend_id)
      );
      const auto at = static_cast<Time>(event.at);
      if (event.what == config::EventKind::kNodeDeath) {
        add_node_death(at, target, s);
      } else {
        s.faults.push_back({at, fault_of(event.what), target, event.factor});
      }
    }
  sort_faults(s);
  std::vector<bool> seen(s.backends.size());
  for (const Fault& f : s.faults) {
    if (f.kind >= FaultKind::kNodeDies || seen[f.target]) continue;
    seen[f.target] = true;
    s.backends[f.target].present = f.kind != FaultKind::kJoin;
  }
  return true;
}

}  // namespace

policy::RailSettings rails_of(const config::Config& config) {
  const config::Rails& r = config.rails;
  return {r.dead_band, r.max_step, r.floor, r.ceiling, r.max_moved, r.moved_within};
}

base::Result<Setup> setup_from(const config::Config& config) {
  const config::Simulation& sim = config.simulation;
  Setup s;
  s.seed = sim.seed;
  s.duration = static_cast<Time>(sim.duration);
  s.nodes = sim.nodes;
  s.backends = backends_of(config);
  s.service = service_of(sim);
  s.arrivals = arrivals_of(sim);
  if (s.arrivals.rate <= 0) s.arrivals.rate = sim.load * capacity_of(s);
  FL_TRY(add_events(sim, s));
  s.connections = {sim.connection_requests, static_cast<double>(sim.think) * 1e-9};
  s.forward_latency = static_cast<Time>(sim.forward_latency);
  s.exchange.interval = static_cast<Time>(sim.exchange);
  s.monitoring.interval = static_cast<Time>(config.monitoring.interval);
  s.monitoring.delay = static_cast<Time>(sim.report_delay);
  s.monitoring.report_loss = s.monitoring.update_loss = sim.report_loss;
  s.flow_idle_new = static_cast<Time>(config.flows.idle_new);
  FL_ASSIGN(s.policy, make_policy(model::to_string(config.policy)));
  s.rails = rails_of(config);
  s.policy.parameters.learning = static_cast<policy::Learning>(static_cast<int>(config.learning));
  if (!config.vips.empty()) {
    const model::Health& health = config.vips[0].health;
    s.health = {
        Time{health.interval_ms} * kMilli, health.rise, health.fall, health.min_healthy_pct};
    if (s.policy.family == Family::kTable && s.policy.choices > 1)
      s.policy.choices = config.vips[0].choices;
  }
  return s;
}

std::vector<std::string> events_too_late(const config::Config& config, const Setup& setup) {
  std::vector<std::string> lines;
  const auto seconds = [](Time t) { return std::to_string(t / kSecond) + " s"; };
  for (const config::Event& event : config.simulation.events)
    if (static_cast<Time>(event.at) > setup.duration)
      lines.push_back(
          event.where + ": after the end of the run, it never happens (at " +
          seconds(static_cast<Time>(event.at)) + ", the run ends after " + seconds(setup.duration) +
          ")"
      );
  return lines;
}

void use_requests(const RequestsFile& file, Time start, Setup& setup) {
  setup.requests = file.requests;
  for (FileRequest& r : setup.requests) r.at -= start;
  setup.duration = setup.requests.empty() ? 0 : setup.requests.back().at;
  setup.connections = {};
  setup.has_requests = true;
}

base::Result<bool> use_updates(
    std::vector<FileUpdate> updates, const config::Config& config, Time start, Setup& setup
) {
  setup.has_updates = true;
  setup.nodes_at_start = setup.nodes;
  std::set<std::string> backends;
  std::set<std::string> nodes;
  for (const Backend& b : setup.backends) backends.insert(b.id);
  for (std::uint32_t n = 0; n < setup.nodes; ++n) {
    setup.node_ids.push_back(node_id(setup, n));
    nodes.insert(setup.node_ids.back());
  }
  for (FileUpdate& update : updates) {
    update.at -= start;
    for (const FileReport& report : update.backends) {
      if (!backends.insert(report.id).second) continue;
      Backend joins;
      joins.id = report.id;
      joins.spec = spec_of(config.simulation, setup.backends.size());
      if (report.capacity >= 1)
        joins.spec.concurrency = static_cast<std::uint32_t>(report.capacity);
      joins.present = false;
      setup.backends.push_back(std::move(joins));
    }
    for (const FileNode& node : update.nodes)
      if (nodes.insert(node.id).second) setup.node_ids.push_back(node.id);
  }
  setup.nodes = static_cast<std::uint32_t>(setup.node_ids.size());
  if (setup.nodes > kMostNodes)
    return base::invalid(
        "updates name " + std::to_string(setup.nodes) +
        " nodes with those of the configuration, the limit is " + std::to_string(kMostNodes)
    );
  if (setup.backends.size() > FL_MAX_BACKENDS)
    return base::invalid(
        "updates name " + std::to_string(setup.backends.size()) +
        " backends with those of the configuration, the limit is " + std::to_string(FL_MAX_BACKENDS)
    );
  setup.updates = std::move(updates);
  return true;
}

}  // namespace fairlead::sim
