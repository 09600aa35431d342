// SPDX-License-Identifier: BSD-3-Clause
// One run: discrete events from the first arrival to the last completion.
//
// Three queues, the earliest event is next; at equal times timers, then completions, then arrivals:
//   timers      everything that happens once (heap)
//   backends    each backend's next completion (indexed heap)
//   arrivals    the next opening connection (generator)
// A function of its Setup: no clock, no global state, one thread. Cost per request: one arrival,
// one completion, about 0.3 us; memory for what is in flight, not for what has been.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "control/sim/fleet.hh"
#include "control/sim/leader.hh"
#include "control/sim/load_meter.hh"
#include "control/sim/measures.hh"
#include "control/sim/next_event.hh"
#include "control/sim/routing.hh"
#include "control/sim/setup.hh"
#include "control/sim/timers.hh"
#include "control/sim/workload.hh"

namespace fairlead::sim {

/// One finished request, in any order of completion; `row` counts requests by arrival.
struct Decision {
  std::uint64_t row = 0;
  Time arrival = 0;
  std::uint32_t node = 0;
  std::uint32_t backend = kNoBackend;
  Time start = -1;       // -1: never
  Time completion = -1;  // when the client knew
  Outcome outcome = Outcome::kOk;
};

struct Watchers {
  std::function<void(const Decision&)> decision;          // may be empty
  std::function<void(Time now, Time duration)> progress;  // may be empty; every simulated 0.1 %
  Time sample_interval = 0;                               // 0: no samples
};

class Simulation {
 public:
  explicit Simulation(const Setup& setup, Watchers watchers = {});
  ~Simulation();
  /// Runs to the end. Once.
  Measures run();

 private:
  /// A connection and its request of the moment.
  struct Flight {
    Time arrival = 0;
    Time start = -1;
    std::uint64_t hash = 0;
    std::uint64_t connection = 0;  // number
    std::uint64_t row = 0;
    double work = 0;
    std::uint32_t node = 0;
    std::uint32_t backend = kNoBackend;
    std::uint32_t remaining = 0;  // requests after this one
    std::uint32_t requests = 0;   // begun
    std::uint32_t file_flow = 0;  // 1 + position in file_flows_; 0: none
  };
  /// An opening that will come next, and where it will go: its table lines are fetched meanwhile.
  struct Upcoming {
    Opening opening;
    std::uint64_t hash = 0;
  };
  static constexpr std::uint32_t kLookAhead = 4;  // 2: 15 % slower, 8: no faster
  /// A connection of a file that several rows share.
  struct FileFlow {
    std::uint32_t node = 0;
    std::uint32_t backend = kNoBackend;
    std::uint32_t running = 0;
    bool over = false;  // its last row has arrived
  };

  // Openings and requests.
  void look_ahead();
  void arrive(const Upcoming& upcoming);
  void open_flight(std::uint32_t f, Time now);
  void submit(std::uint32_t f, Time now);
  void deliver(std::uint32_t f, Time now);
  void next_request(std::uint32_t f, Time now);
  void complete(std::uint32_t backend, Time now);
  void settle(std::uint32_t f, Time now, Outcome outcome);
  void end_connection(std::uint32_t f, Time now, Outcome outcome);
  bool join_file_flow(std::uint32_t f, const FileRequest& request);
  [[nodiscard]] std::uint32_t node_of(std::uint64_t hash) const;
  std::uint32_t take_flight();

  // Timers.
  void on_timer(const Timer& timer);
  void on_fault(const Fault& fault, Time now);
  void on_update(const FileUpdate& update, Time now);
  void update_node(const FileNode& node, Time now);
  void crash(std::uint32_t backend, Time now, bool refuse);
  void snapshot(Time now);
  void ship(const Shipment& shipment, Time now, bool at_once);
  void exchange(Time now);
  void probe_round(Time now);
  void sample(Time now);
  void add_timers();
  void measure_capacity(Time now);

  void reschedule(std::uint32_t backend) {
    completions_.set(backend, backends_[backend].next());
    if (central_) routing_->changed(backend);
  }
  void start_central(Time now);
  void send_probes(std::uint32_t node, Time now);
  void send_token(std::uint32_t backend, Time now);
  void add_to_backend(std::uint32_t f, Time now);

  const Setup* setup_;
  Watchers watchers_;
  bool central_;
  bool central_queue_;
  ArrivalProcess arrivals_;
  ServiceDraw service_;
  policy::Draws work_;
  policy::Draws think_;
  policy::Draws update_loss_;
  policy::Draws jitter_;
  policy::Random chance_;  // of probes and tokens
  std::uint64_t key_[2];

  std::vector<BackendModel> backends_;
  std::vector<std::uint8_t> up_;          // answers probes and requests
  std::vector<std::uint8_t> refuses_;     // when not up: with a reset
  std::vector<std::uint8_t> node_up_;     // forwards
  std::vector<std::uint32_t> reachable_;  // nodes that the router uses
  std::vector<Time> forward_latency_;     // by node
  std::unordered_map<std::string, std::uint32_t> backend_named_;
  std::unordered_map<std::string, std::uint32_t> node_named_;
  OpenCounts counts_;
  Leader leader_;
  std::unique_ptr<Routing> routing_;
  NextEvent completions_;
  Timers timers_;
  std::vector<Flight> flights_;
  std::array<Upcoming, kLookAhead> upcoming_{};  // ring
  std::uint32_t upcoming_head_ = 0;
  std::vector<std::uint32_t> free_flights_;
  std::vector<std::uint32_t> central_waiting_;
  std::size_t central_head_ = 0;
  std::unordered_map<std::uint64_t, std::uint32_t> file_flow_of_;
  std::vector<FileFlow> file_flows_;
  std::uint64_t rows_ = 0;
  std::uint64_t shipments_ = 0;
  std::vector<policy::EffectiveWeight> shipped_;
  Histogram sample_latency_;
  std::vector<std::uint64_t> sample_requests_;
  Measures result_;
  LoadMeter load_;
  std::uint64_t sample_bad_ = 0;
};

}  // namespace fairlead::sim
