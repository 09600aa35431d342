// SPDX-License-Identifier: BSD-3-Clause
// Everything a run depends on, as plain values: fleet, workload, faults, monitoring, policy, seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/model/model.hh"
#include "control/policy/decision_log.hh"
#include "control/policy/policy.hh"
#include "control/policy/rails.hh"
#include "control/sim/backend_model.hh"

namespace fairlead::sim {

inline constexpr Time kMicro = 1'000;
inline constexpr Time kMilli = 1'000'000;
inline constexpr Time kSecond = 1'000'000'000;

enum class ServiceKind : std::uint8_t { kFixed, kExponential, kLognormal, kBimodal, kPareto };

/// Work of a request, seconds at speed 1.
struct Service {
  ServiceKind kind = ServiceKind::kLognormal;
  double mean = 0.020;
  double sigma = 1;  // lognormal: of the logarithm; pareto: shape (> 1)
};

enum class ArrivalKind : std::uint8_t { kPoisson, kBursty, kDiurnal, kFlash };

/// Open loop: arrivals do not wait for answers.
struct Arrivals {
  ArrivalKind kind = ArrivalKind::kPoisson;
  double rate = 0;         // requests a second, mean of the whole run (flash: outside the crowd)
  double amplitude = 0.5;  // bursty, diurnal: rate swings between 1 - a and 1 + a
  double period = 1;       // bursty: mean length of a burst; diurnal: of a day; seconds
  Time flash_from = 0;
  Time flash_until = 0;
  double flash_factor = 1.3;  // of the rate, between the two
};

/// Connections carry 1..200 requests with exponential think time between answer and next request.
struct Connections {
  std::uint32_t requests = 1;
  double think = 0.200;  // seconds
};

struct Monitoring {
  Time interval = kSecond;
  Time delay = 50 * kMilli;
  double jitter = 0.1;        // of the interval, uniform, each node its own
  double report_loss = 0.01;  // of a backend's report
  double update_loss = 0.01;  // of a node's update
  double lies = 0;            // share of backends that report a tenth of their utilisation
};

/// In-flight counts of the other nodes.
struct Exchange {
  Time interval = 3 * kMilli;
  Time delay = 1 * kMilli;  // from the counting to the node that uses the sum
};

struct Health {
  Time interval = kSecond;
  std::uint32_t rise = 2;
  std::uint32_t fall = 2;
  std::uint32_t min_healthy_pct = 0;  // fewer of a pool are up: health is ignored
};

struct Backend {
  std::string id;
  std::uint32_t weight = 100;  // as declared
  BackendSpec spec;
  bool present = true;  // false: joins later
};

enum class FaultKind : std::uint8_t {
  kFactor,        // speed becomes spec.speed x value
  kReportFactor,  // reported utilisation is the true one x value
  kCrashSilent,   // black hole: no answer, requests in service are lost
  kCrashRefuse,   // the host answers with resets
  kRecover,
  kJoin,      // gets traffic from now on
  kLeave,     // drains
  kNodeDies,  // the router notices after Setup::node_detection
  kNodeReturns,
};

struct Fault {
  Time at = 0;
  FaultKind kind = FaultKind::kFactor;
  std::uint32_t target = 0;
  double value = 1;
};

/// One request of a file.
struct FileRequest {
  Time at = 0;
  std::uint32_t source = 0;  // address
  std::uint16_t port = 0;
  bool first = true;  // of its connection (same source address and port)
  bool last = true;
  double work = -1;  // seconds; below 0: drawn
};

/// Of one backend in a line of the updates file; below 0: not given.
struct FileReport {
  std::string id;
  double cpu = -1;
  double memory = -1;
  double active = -1;
  double capacity = -1;
  double latency_us = -1;
  bool down = false;
  bool removed = false;
};

struct FileNode {
  std::string id;
  double forward_latency_us = -1;
  bool down = false;
  bool removed = false;
};

struct FileUpdate {
  Time at = 0;
  std::vector<FileReport> backends;
  std::vector<FileNode> nodes;
};

/// How connections are routed.
enum class Family : std::uint8_t {
  kTable,        // production: candidates of the weighted table, score, ejection
  kPicker,       // a policy::Picker per node
  kJsq,          // bound: central, instant, shortest expected delay by true speeds
  kCentralQueue  // bound: one queue for all, the fastest idle core first
};

/// A policy by name, with what can be changed in it.
struct PolicySpec {
  std::string name = "adaptive";  // as asked for, parameters included
  Family family = Family::kTable;
  model::PolicyName weights = model::PolicyName::kAdaptive;  // who computes weights
  std::string picker;                                        // family kPicker
  std::uint32_t choices = 3;
  bool ejection = true;
  bool exchanges = true;
  bool true_weights = false;  // weights are the true capacities (what perfect weights would give)
  policy::Parameters parameters;
};

struct Setup {
  std::string scenario;
  std::uint64_t seed = 1;
  Time duration = 60 * kSecond;
  Time warmup = 0;  // requests that arrive before it are in no percentile of a comparison
  std::vector<Backend> backends;
  std::uint32_t nodes = 5;
  std::vector<std::string> node_ids;  // one for each; empty: lb1, lb2, ...
  std::uint32_t nodes_at_start = 0;   // the first of them; 0: all
  Time forward_latency = 0;           // of every node
  bool resilient_router = true;       // ECMP moves only a dead node's flows
  Time node_detection = 900 * kMilli;
  Service service;
  Arrivals arrivals;
  Connections connections;
  Monitoring monitoring;
  Exchange exchange;
  Health health;
  Time give_up = kSecond;             // a client without answer
  Time flow_idle_new = 10 * kSecond;  // a flow without answer stays in a node's count so long
  std::vector<Fault> faults;          // by rising time
  PolicySpec policy;
  policy::RailSettings rails;
  bool has_requests = false;
  std::vector<FileRequest> requests;  // if has_requests: instead of `arrivals`
  bool has_updates = false;
  std::vector<FileUpdate> updates;
  policy::Trainer* trainer = nullptr;  // while training: explores and learns in place of the actor
  policy::DecisionLog* decision_log = nullptr;  // of the leader's policy; may be absent
};

/// Requests a second at full utilisation, by true speeds.
double capacity_of(const Setup& setup);

}  // namespace fairlead::sim
