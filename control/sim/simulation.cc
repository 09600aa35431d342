// SPDX-License-Identifier: BSD-3-Clause
// The way of a request: opening, choice, queue, completion.
#include "control/sim/simulation.hh"

#include <algorithm>
#include <string>

#include "control/sim/portable_math.hh"
#include "dataplane/steer/flow_hash.h"

namespace fairlead::sim {

namespace {

// Odd multiplier of the router's choice of a node, independent of those of candidates.
constexpr std::uint64_t kRouterMultiplier = 0x510e527fade682d1ULL;
// A prime time: two rows of a file may be one connection if the pause is shorter than this.
constexpr std::uint64_t kRequestsPerConnection = 1024;

std::uint64_t flow_hash(const std::uint64_t key[2], std::uint32_t source, std::uint16_t port) {
  constexpr std::uint64_t kVip = 0x0a7100cbULL;  // 203.0.113.10 as on the wire
  const std::uint64_t addresses = __builtin_bswap32(source) | kVip << 32;
  const std::uint32_t ports = static_cast<std::uint32_t>(__builtin_bswap16(port)) | 0x5000U << 16;
  return fl_flow_hash4(key, addresses, ports, 6);
}

std::unique_ptr<Routing> make_routing(
    const Setup& setup, const OpenCounts& counts, const Truth& truth
) {
  switch (setup.policy.family) {
    case Family::kTable:
      return make_table_routing(setup, counts);
    case Family::kPicker:
      return make_picker_routing(setup, counts);
    case Family::kJsq:
    case Family::kCentralQueue:
      return make_central_routing(setup, truth);
  }
  return nullptr;
}

}  // namespace

Simulation::~Simulation() = default;

Simulation::Simulation(const Setup& setup, Watchers watchers)
    : setup_(&setup),
      watchers_(std::move(watchers)),
      central_(setup.policy.family == Family::kJsq || setup.policy.family == Family::kCentralQueue),
      central_queue_(setup.policy.family == Family::kCentralQueue),
      arrivals_(setup),
      service_(setup.service),
      work_(draws(setup.seed, StreamName::kWork)),
      think_(draws(setup.seed, StreamName::kThink)),
      update_loss_(draws(setup.seed, StreamName::kUpdateLoss)),
      jitter_(draws(setup.seed, StreamName::kJitter)),
      chance_(draws(setup.seed, StreamName::kPicker).word(~0ULL)),
      key_{policy::mix64(setup.seed + 1), policy::mix64(setup.seed + 2)},
      up_(setup.backends.size(), 1),
      refuses_(setup.backends.size(), 0),
      node_up_(setup.nodes, 1),
      forward_latency_(setup.nodes, setup.forward_latency),
      counts_(setup.nodes, static_cast<std::uint32_t>(setup.backends.size())),
      leader_(setup),
      completions_(setup.backends.size()),
      sample_requests_(setup.backends.size()),
      load_(setup.warmup) {
  for (std::uint32_t b = 0; b < setup.backends.size(); ++b) {
    backends_.emplace_back(setup.backends[b].spec);
    backend_named_.emplace(setup.backends[b].id, b);
  }
  for (std::uint32_t n = 0; n < setup.nodes; ++n) {
    if (setup.nodes_at_start == 0 || n < setup.nodes_at_start) reachable_.push_back(n);
    node_named_.emplace(
        n < setup.node_ids.size() ? setup.node_ids[n] : "lb" + std::to_string(n + 1), n
    );
  }
  result_.backends.resize(setup.backends.size());
  routing_ = make_routing(setup, counts_, {&backends_, &up_});
}

std::uint32_t Simulation::take_flight() {
  if (free_flights_.empty()) {
    flights_.emplace_back();
    return static_cast<std::uint32_t>(flights_.size() - 1);
  }
  const std::uint32_t f = free_flights_.back();
  free_flights_.pop_back();
  flights_[f] = {};
  return f;
}

std::uint32_t Simulation::node_of(std::uint64_t hash) const {
  if (reachable_.empty()) return 0xffffffff;
  const std::uint64_t mixed = (hash * kRouterMultiplier) >> 32;
  if (reachable_.size() == setup_->nodes || !setup_->resilient_router ||
      setup_->nodes_at_start != 0)
    return reachable_[(mixed * reachable_.size()) >> 32];
  // Resilient: flows of living nodes stay; a dead node's flows are dealt again.
  const auto first = static_cast<std::uint32_t>((mixed * setup_->nodes) >> 32);
  if (std::binary_search(reachable_.begin(), reachable_.end(), first)) return first;
  return reachable_[((policy::mix64(hash) >> 32) * reachable_.size()) >> 32];
}

/// The next opening is drawn `kLookAhead` early; memory that its choice will touch is on its way
/// when its turn comes. The choice itself is made then.
void Simulation::look_ahead() {
  Upcoming& slot = upcoming_[upcoming_head_];
  slot.opening = arrivals_.next();
  if (slot.opening.at != kNever) {
    slot.hash = flow_hash(key_, slot.opening.source, slot.opening.port);
    routing_->prefetch_slots(node_of(slot.hash), slot.hash);
  }
  upcoming_head_ = (upcoming_head_ + 1) % kLookAhead;
  const Upcoming& soon = upcoming_[(upcoming_head_ + 1) % kLookAhead];
  if (soon.opening.at != kNever) routing_->prefetch_backends(node_of(soon.hash), soon.hash);
}

void Simulation::arrive(const Upcoming& upcoming) {
  const Opening& opening = upcoming.opening;
  const std::uint32_t f = take_flight();
  Flight& flight = flights_[f];
  flight.arrival = opening.at;
  flight.connection = opening.number;
  flight.hash = upcoming.hash;
  flight.node = node_of(flight.hash);
  flight.row = rows_++;
  flight.remaining = setup_->has_requests ? 0 : setup_->connections.requests - 1;
  flight.requests = 1;
  flight.work = service_(work_.word(opening.number * kRequestsPerConnection));
  ++result_.requests;
  if (setup_->has_requests) {
    const FileRequest& row = setup_->requests[opening.number];
    if (row.work >= 0) flight.work = row.work;
    load_.offer(opening.at, flight.work);
    if ((!row.first || !row.last) && join_file_flow(f, row)) return submit(f, opening.at);
  } else {
    load_.offer(opening.at, flight.work);
  }
  open_flight(f, opening.at);
}

void Simulation::open_flight(std::uint32_t f, Time now) {
  Flight& flight = flights_[f];
  if (flight.node == 0xffffffff) return settle(f, now, Outcome::kFailed);
  if (node_up_[flight.node] == 0) {
    timers_.add(now + setup_->give_up, TimerKind::kGiveUp, f, 0);
    return;
  }
  if (central_queue_) {
    flight.backend = routing_->route(flight.node, flight.hash, now);
    if (flight.backend != kNoBackend) return add_to_backend(f, now);
    std::size_t room = 0;
    for (const auto& b : backends_) room += b.spec().concurrency - b.spec().cores;
    if (central_waiting_.size() - central_head_ >= room) return settle(f, now, Outcome::kRejected);
    central_waiting_.push_back(f);
    return;
  }
  flight.backend = routing_->route(flight.node, flight.hash, now);
  if (flight.backend == kNoBackend) return settle(f, now, Outcome::kRejected);
  if (routing_->probes() > 0) send_probes(flight.node, now);
  counts_.open(flight.node, flight.backend);
  routing_->opened(flight.node, flight.backend, now);
  if (flight.file_flow != 0) {
    FileFlow& flow = file_flows_[flight.file_flow - 1];
    flow.backend = flight.backend;
    flow.node = flight.node;
  }
  submit(f, now);
}

void Simulation::submit(std::uint32_t f, Time now) {
  const Time forward = forward_latency_[flights_[f].node];
  result_.node_latency.add(forward);
  if (forward == 0) return deliver(f, now);
  timers_.add(now + forward, TimerKind::kGiveUp, f, 2);
}

void Simulation::deliver(std::uint32_t f, Time now) {
  const Flight& flight = flights_[f];
  const std::uint32_t b = flight.backend;
  ++sample_requests_[b];
  if (up_[b] == 0) {
    if (refuses_[b] != 0) {
      settle(f, now, Outcome::kFailed);
    } else {
      timers_.add(now + setup_->give_up, TimerKind::kGiveUp, f, 1);
    }
    return;
  }
  if (flight.requests == 1) routing_->answered(flight.node, b, now);
  ++result_.backends[b].requests;
  if (backends_[b].full()) return settle(f, now, Outcome::kRejected);
  add_to_backend(f, now);
}

void Simulation::add_to_backend(std::uint32_t f, Time now) {
  Flight& flight = flights_[f];
  if (central_queue_) ++result_.backends[flight.backend].requests;
  if (backends_[flight.backend].add(now, f, flight.work)) flight.start = now;
  reschedule(flight.backend);
}

void Simulation::complete(std::uint32_t b, Time now) {
  std::uint32_t started = BackendModel::kNone;
  const std::uint32_t f = backends_[b].finish(now, started);
  if (started != BackendModel::kNone) flights_[started].start = now;
  const Flight& flight = flights_[f];
  const Time at_backend = now - flight.arrival - forward_latency_[flight.node];
  backends_[b].count_done(static_cast<double>(at_backend) * 1e-9);
  reschedule(b);
  if (routing_->wants_tokens() && started == BackendModel::kNone) send_token(b, now);
  settle(f, now, Outcome::kOk);
  if (central_queue_) start_central(now);
}

void Simulation::start_central(Time now) {
  while (central_head_ < central_waiting_.size()) {
    const std::uint32_t f = central_waiting_[central_head_];
    const std::uint32_t b = routing_->route(flights_[f].node, flights_[f].hash, now);
    if (b == kNoBackend) break;
    ++central_head_;
    flights_[f].backend = b;
    add_to_backend(f, now);
  }
  if (central_head_ > 4096 && 2 * central_head_ > central_waiting_.size()) {
    central_waiting_.erase(
        central_waiting_.begin(),
        central_waiting_.begin() + static_cast<std::ptrdiff_t>(central_head_)
    );
    central_head_ = 0;
  }
}

void Simulation::settle(std::uint32_t f, Time now, Outcome outcome) {
  const Flight& flight = flights_[f];
  const Time latency = now - flight.arrival;
  const bool warm = flight.arrival >= setup_->warmup;
  result_.end = std::max(result_.end, now);
  if (warm) ++result_.warm_requests;
  if (outcome == Outcome::kOk) {
    ++result_.ok;
    result_.latency.add(latency);
    if (warm) {
      result_.warm_latency.add(latency);
      load_.served(flight.arrival, latency);
    }
    if (watchers_.sample_interval != 0) sample_latency_.add(latency);
  } else {
    ++(outcome == Outcome::kRejected ? result_.rejected : result_.failed);
    if (warm) ++(outcome == Outcome::kRejected ? result_.warm_rejected : result_.warm_failed);
    ++sample_bad_;
  }
  if (watchers_.decision)
    watchers_.decision(
        {flight.row,
         flight.arrival,
         flight.node,
         flight.backend,
         outcome == Outcome::kOk ? flight.start : -1,
         outcome == Outcome::kOk ? now : -1,
         outcome}
    );
  if (outcome == Outcome::kOk && flight.remaining > 0) {
    const double think =
        -setup_->connections.think *
        portable_log(think_.uniform(flight.connection * kRequestsPerConnection + flight.requests));
    timers_.add(now + static_cast<Time>(think * 1e9), TimerKind::kNextRequest, f);
    return;
  }
  end_connection(f, now, outcome);
}

void Simulation::end_connection(std::uint32_t f, Time now, Outcome outcome) {
  const Flight& flight = flights_[f];
  const std::uint32_t node = flight.node;
  const std::uint32_t b = flight.backend;
  const double latency_us = static_cast<double>(now - flight.arrival) * 1e-3;
  bool closes = b != kNoBackend && !central_queue_ && node_up_[node] != 0;
  if (flight.file_flow != 0) {
    FileFlow& flow = file_flows_[flight.file_flow - 1];
    --flow.running;
    closes = closes && flow.over && flow.running == 0;
  }
  // A client without any answer says nothing when it gives up: the flow ages out.
  const bool silent = outcome == Outcome::kFailed && flight.requests == 1 && flight.start < 0;
  free_flights_.push_back(f);
  if (!closes) return;
  if (silent) {
    timers_.add(now + setup_->flow_idle_new, TimerKind::kExpire, node, b);
    return;
  }
  counts_.close(node, b);
  routing_->closed(node, b, now, latency_us, outcome == Outcome::kOk);
}

void Simulation::next_request(std::uint32_t f, Time now) {
  Flight& flight = flights_[f];
  ++flight.requests;
  --flight.remaining;
  flight.arrival = now;
  flight.start = -1;
  flight.row = rows_++;
  flight.work =
      service_(work_.word(flight.connection * kRequestsPerConnection + flight.requests - 1));
  load_.offer(now, flight.work);
  ++result_.requests;
  const std::uint32_t node = node_of(flight.hash);
  if (node != flight.node) {
    if (node == 0xffffffff || !routing_->finds(node, flight.hash, flight.backend)) {
      ++result_.broken;
      return settle(f, now, Outcome::kFailed);
    }
    if (node_up_[flight.node] != 0) {
      counts_.close(flight.node, flight.backend);
      routing_->closed(flight.node, flight.backend, now, 0, true);
    }
    flight.node = node;
    counts_.open(node, flight.backend);
    routing_->opened(node, flight.backend, now);
    routing_->answered(node, flight.backend, now);
  } else if (node_up_[node] == 0) {
    timers_.add(now + setup_->give_up, TimerKind::kGiveUp, f, 0);
    return;
  }
  submit(f, now);
}

bool Simulation::join_file_flow(std::uint32_t f, const FileRequest& request) {
  Flight& flight = flights_[f];
  const std::uint64_t key = std::uint64_t{request.source} << 16 | request.port;
  if (request.first) {
    file_flows_.emplace_back();
    file_flow_of_[key] = static_cast<std::uint32_t>(file_flows_.size());
  }
  flight.file_flow = file_flow_of_[key];
  FileFlow& flow = file_flows_[flight.file_flow - 1];
  flow.over = request.last;
  ++flow.running;
  if (flow.backend == kNoBackend || leader_.usable(flow.backend) == 0 || flow.node != flight.node ||
      node_up_[flight.node] == 0)
    return false;
  flight.backend = flow.backend;
  flight.requests = 2;  // not the connection's first
  return true;
}

Measures Simulation::run() {
  add_timers();
  for (std::uint32_t i = 0; i < kLookAhead; ++i) look_ahead();
  Time next_progress = 0;
  for (;;) {
    const Time timer = timers_.time();
    const Time completion = completions_.time();
    const Time opening = upcoming_[upcoming_head_].opening.at;
    const Time now = std::min({timer, completion, opening});
    if (opening == kNever && result_.ok + result_.rejected + result_.failed == result_.requests &&
        (!setup_->has_requests || rows_ == setup_->requests.size()))
      break;
    ++result_.events;
    if (watchers_.progress && now >= next_progress) {
      watchers_.progress(now, setup_->duration);
      next_progress = now + setup_->duration / 1000 + 1;
    }
    if (now == timer) {
      on_timer(timers_.pop());
    } else if (now == completion) {
      complete(completions_.source(), now);
    } else {
      arrive(upcoming_[upcoming_head_]);
      look_ahead();
    }
  }
  for (std::uint32_t b = 0; b < backends_.size(); ++b) {
    const double seconds = static_cast<double>(std::max<Time>(result_.end, 1)) * 1e-9;
    result_.backends[b].utilisation =
        backends_[b].total_busy(std::max(result_.end, backends_[b].last_time())) / seconds /
        backends_[b].spec().cores;
  }
  result_.load = load_.finish();
  result_.guard_trips = leader_.state().guard.trips();
  return std::move(result_);
}

}  // namespace fairlead::sim
