// SPDX-License-Identifier: BSD-3-Clause
// Everything but requests: faults, monitoring, exchange, health, nodes that come and go.
#include <algorithm>
#include <string>

#include "control/sim/simulation.hh"

namespace fairlead::sim {

namespace {
constexpr Time kProbeRoundTrip = kMilli;        // Prequal's probes, idle tokens
constexpr std::uint64_t kBytesPerCount = 2;     // of an exchange: one 16-bit count a backend
constexpr std::uint64_t kBytesPerWeight = 7;    // of an update: weight, inverse weight, parallel
constexpr std::uint64_t kBytesPerMessage = 66;  // Ethernet, IP, UDP, version, node, time
}  // namespace

void Simulation::add_timers() {
  const Monitoring& m = setup_->monitoring;
  ship(leader_.turn(backends_, counts_.total(), 0), 0, true);
  measure_capacity(0);
  for (std::uint32_t i = 0; i < setup_->faults.size(); ++i)
    timers_.add(setup_->faults[i].at, TimerKind::kFault, i);
  for (std::uint32_t i = 0; i < setup_->updates.size(); ++i)
    timers_.add(setup_->updates[i].at, TimerKind::kUpdate, i);
  if (!setup_->has_updates) timers_.add(m.interval, TimerKind::kSnapshot);
  if (setup_->has_updates) timers_.add(m.interval, TimerKind::kPolicy, 1);
  timers_.add(setup_->health.interval, TimerKind::kHealth);
  if (setup_->policy.exchanges && setup_->policy.family == Family::kTable)
    timers_.add(setup_->exchange.interval, TimerKind::kExchangeSend);
  if (watchers_.sample_interval != 0) timers_.add(watchers_.sample_interval, TimerKind::kSample);
}

void Simulation::on_timer(const Timer& timer) {
  const Time now = timer.time;
  switch (timer.kind) {
    case TimerKind::kFault:
      on_fault(setup_->faults[timer.a], now);
      return measure_capacity(now);
    case TimerKind::kSnapshot:
      return snapshot(now);
    case TimerKind::kPolicy:
      if (timer.a == 1) timers_.add(now + setup_->monitoring.interval, TimerKind::kPolicy, 1);
      return ship(leader_.turn(backends_, counts_.total(), now), now, false);
    case TimerKind::kGeneration:
      return routing_->adopt(timer.a, timer.b);
    case TimerKind::kExchangeSend:
      return exchange(now);
    case TimerKind::kExchange:
      return routing_->receive_counts(now);
    case TimerKind::kHealth:
      return probe_round(now);
    case TimerKind::kUpdate:
      return on_update(setup_->updates[timer.a], now);
    case TimerKind::kGiveUp:
      if (timer.b == 2) return deliver(timer.a, now);
      return settle(timer.a, now, Outcome::kFailed);
    case TimerKind::kExpire:
      counts_.close(timer.a, timer.b);
      return routing_->closed(timer.a, timer.b, now, 1e6, false);
    case TimerKind::kNextRequest:
      return next_request(timer.a, now);
    case TimerKind::kProbe: {
      const BackendModel& b = backends_[timer.b];
      // What a server library would report: the time a request takes at this many in flight.
      const double load = std::max(1.0, (b.active() + 1.0) / b.spec().cores);
      return routing_->probed(
          timer.a, timer.b, b.active(), load * setup_->service.mean / b.speed() * 1e6, now
      );
    }
    case TimerKind::kToken:
      return routing_->token(timer.a, timer.b);
    case TimerKind::kSample:
      return sample(now);
  }
}

void Simulation::measure_capacity(Time now) {
  double capacity = 0;
  double room = 0;
  for (std::uint32_t b = 0; b < backends_.size(); ++b) {
    const BackendModel& backend = backends_[b];
    if (up_[b] == 0 || !leader_.wanted(b)) continue;
    capacity += backend.spec().cores * backend.speed();
    room += (backend.spec().concurrency - backend.spec().cores) * setup_->service.mean;
  }
  load_.set_capacity(now, capacity, room);
}

void Simulation::snapshot(Time now) {
  leader_.snapshot(backends_, up_, now);
  timers_.add(now + setup_->monitoring.delay, TimerKind::kPolicy);
  timers_.add(now + setup_->monitoring.interval, TimerKind::kSnapshot);
}

void Simulation::ship(const Shipment& shipment, Time now, bool at_once) {
  shipped_ = shipment.weights;
  const std::uint32_t generation = routing_->prepare(shipment, now);
  ++shipments_;
  result_.update_bytes += kBytesPerMessage + kBytesPerWeight * backends_.size();
  if (!at_once && now >= setup_->warmup) {
    ++result_.updates;
    result_.slots_moved += routing_->slots_moved();
    result_.slots_moved_max = std::max(result_.slots_moved_max, routing_->slots_moved());
  }
  for (std::uint32_t node = 0; node < setup_->nodes; ++node) {
    const std::uint64_t draw = shipments_ * setup_->nodes + node;
    if (at_once) {
      routing_->adopt(node, generation);
      continue;
    }
    if (update_loss_.uniform(draw) < setup_->monitoring.update_loss) continue;
    const double late = jitter_.uniform(draw) * setup_->monitoring.jitter *
                        static_cast<double>(setup_->monitoring.interval);
    timers_.add(now + static_cast<Time>(late), TimerKind::kGeneration, node, generation);
  }
}

void Simulation::exchange(Time now) {
  routing_->send_counts(now);
  result_.exchange_bytes += kBytesPerMessage + kBytesPerCount * backends_.size();
  timers_.add(now + setup_->exchange.delay, TimerKind::kExchange);
  timers_.add(now + setup_->exchange.interval, TimerKind::kExchangeSend);
}

void Simulation::probe_round(Time now) {
  timers_.add(now + setup_->health.interval, TimerKind::kHealth);
  routing_->health_probed(up_, now);
  if (!leader_.probe(up_)) return;
  ship(leader_.health_only(), now, true);
  if (central_queue_) start_central(now);
}

void Simulation::on_fault(const Fault& fault, Time now) {
  const std::uint32_t t = fault.target;
  switch (fault.kind) {
    case FaultKind::kFactor:
      backends_[t].set_factor(now, fault.value);
      return reschedule(t);
    case FaultKind::kReportFactor:
      return leader_.set_report_factor(t, fault.value);
    case FaultKind::kCrashSilent:
      return crash(t, now, false);
    case FaultKind::kCrashRefuse:
      return crash(t, now, true);
    case FaultKind::kRecover:
      up_[t] = 1;
      return reschedule(t);
    case FaultKind::kJoin:
    case FaultKind::kLeave:
      leader_.set_member(t, fault.kind == FaultKind::kJoin);
      return ship(leader_.health_only(), now, true);
    case FaultKind::kNodeDies:
      if (node_up_[t] == 0) {  // second event of the pair: the router has noticed
        std::erase(reachable_, t);
        return;
      }
      node_up_[t] = 0;
      return;
    case FaultKind::kNodeReturns:
      node_up_[t] = 1;
      if (std::find(reachable_.begin(), reachable_.end(), t) == reachable_.end()) {
        reachable_.push_back(t);
        std::sort(reachable_.begin(), reachable_.end());
      }
      return;
  }
}

void Simulation::crash(std::uint32_t b, Time now, bool refuse) {
  up_[b] = 0;
  refuses_[b] = refuse ? 1 : 0;
  for (const std::uint32_t f : backends_[b].drop_all(now)) {
    if (refuse) {
      settle(f, now, Outcome::kFailed);
    } else {
      timers_.add(now + setup_->give_up, TimerKind::kGiveUp, f, 1);
    }
  }
  reschedule(b);
}

void Simulation::update_node(const FileNode& node, Time now) {
  const auto at = node_named_.find(node.id);
  if (at == node_named_.end()) return;
  const std::uint32_t n = at->second;
  if (node.forward_latency_us >= 0)
    forward_latency_[n] = static_cast<Time>(node.forward_latency_us * 1000);
  const bool serves = !node.down && !node.removed;
  on_fault({now, FaultKind::kNodeReturns, n, 1}, now);
  if (!serves) std::erase(reachable_, n);
}

void Simulation::on_update(const FileUpdate& update, Time now) {
  for (const FileNode& node : update.nodes) update_node(node, now);
  bool health = false;
  for (const FileReport& report : update.backends)
    health = leader_.report(report, backend_named_.at(report.id), now) || health;
  measure_capacity(now);
  ship(leader_.turn(backends_, counts_.total(), now), now, health);
}

void Simulation::send_probes(std::uint32_t node, Time now) {
  for (std::uint32_t i = 0; i < routing_->probes(); ++i) {
    const std::uint32_t b = chance_.below(static_cast<std::uint32_t>(backends_.size()));
    if (up_[b] != 0) timers_.add(now + kProbeRoundTrip, TimerKind::kProbe, node, b);
  }
}

void Simulation::send_token(std::uint32_t backend, Time now) {
  timers_.add(now + kProbeRoundTrip, TimerKind::kToken, chance_.below(setup_->nodes), backend);
}

void Simulation::sample(Time now) {
  const double seconds = static_cast<double>(watchers_.sample_interval) * 1e-9;
  Sample s;
  s.seconds = static_cast<double>(now) * 1e-9;
  s.p50_ms = sample_latency_.quantile(0.50) * 1e-6;
  s.p99_ms = sample_latency_.quantile(0.99) * 1e-6;
  double all = 0;
  double weights = 0;
  for (const std::uint64_t n : sample_requests_) all += static_cast<double>(n);
  for (const auto& w : shipped_) weights += w.weight;
  s.requests_per_second = all / seconds;
  s.failed_per_second = static_cast<double>(sample_bad_) / seconds;
  for (std::size_t b = 0; b < sample_requests_.size(); ++b) {
    s.share.push_back(all > 0 ? static_cast<double>(sample_requests_[b]) / all : 0);
    s.weight.push_back(weights > 0 ? shipped_[b].weight / weights : 0);
  }
  std::fill(sample_requests_.begin(), sample_requests_.end(), 0);
  sample_latency_ = {};
  sample_bad_ = 0;
  result_.samples.push_back(std::move(s));
  timers_.add(now + watchers_.sample_interval, TimerKind::kSample);
}

}  // namespace fairlead::sim
