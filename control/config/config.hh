// SPDX-License-Identifier: BSD-3-Clause
// The configuration file of a node as plain values: one YAML file for control, data plane and
// simulator. Every key, unit, default and range: docs/configuration.md, config/fairlead.yaml.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "control/model/model.hh"
#include "dataplane/base/clock.hh"
#include "dataplane/base/result.hh"

namespace fairlead::config {

/// What a worker does when its port has nothing for it.
struct Idle {
  std::uint32_t empty_polls = 64;    // polls without a packet before it sleeps; 0: never sleeps
  base::Nanoseconds sleep = 20'000;  // first sleeps
  base::Nanoseconds sleep_max = 200'000;  // after 8 x empty_polls
  friend bool operator==(const Idle&, const Idle&) = default;
};

struct Workers {
  std::uint32_t count = 1;           // 1..FL_MAX_WORKERS
  std::uint32_t most = 1;            // count..FL_MAX_WORKERS: how many there may be later
  std::vector<std::uint32_t> cores;  // count..most of them; several may share a core
  Idle idle;
  friend bool operator==(const Workers&, const Workers&) = default;
};

enum class Hugepages : std::uint8_t { kAuto, kOn, kOff };

struct Memory {
  Hugepages hugepages = Hugepages::kAuto;
  std::uint64_t steering_bank = 16ULL << 20;   // bytes of one of FL_BANKS banks
  std::uint64_t flows_per_worker = 1'000'000;  // entries; the table rounds up to a power of two
  friend bool operator==(const Memory&, const Memory&) = default;
};

/// Where the fleet's state lies; docs/fleet.md.
struct Etcd {
  std::vector<std::string> endpoints;  // HOST:PORT; empty: none
  std::string prefix = "/fairlead";    // of all keys
  std::string user;                    // "": no authentication
  std::string password_file;
  std::string ca_file;    // "": no TLS
  std::string cert_file;  // of this host; with key_file, or both ""
  std::string key_file;
  friend bool operator==(const Etcd&, const Etcd&) = default;
};

struct Fleet {
  std::array<std::uint64_t, 2> hash_key{};  // see kDefaultHashKey
  bool hash_key_is_default = true;          // the published default: fine for a lab only
  bool one_node = false;                    // no other node ever gets this node's flows
  Etcd etcd;
  friend bool operator==(const Fleet&, const Fleet&) = default;
};

/// Flow time-outs and the flood limit; reloading applies them to the next generation.
struct Flows {
  base::Nanoseconds idle_new = 10 * base::kSecond;
  base::Nanoseconds idle_confirmed = 900 * base::kSecond;
  base::Nanoseconds idle_closing = 10 * base::kSecond;
  base::Nanoseconds idle_reset = 3 * base::kSecond;
  base::Nanoseconds idle_adopted = 10 * base::kSecond;
  base::Nanoseconds idle_udp = 60 * base::kSecond;
  base::Nanoseconds idle_udp_new = 10 * base::kSecond;
  std::uint32_t new_flow_limit = 500'000;  // per second and worker: above it, flood mode
  [[nodiscard]] base::Nanoseconds longest_idle() const {
    return std::max(
        {idle_new, idle_confirmed, idle_closing, idle_reset, idle_adopted, idle_udp, idle_udp_new}
    );
  }
  friend bool operator==(const Flows&, const Flows&) = default;
};

/// Mutual TLS with monitors, nodes and agents: PEM files, all three or none.
struct MonitoringTls {
  std::string certificate;
  std::string key;
  std::string ca;
  friend bool operator==(const MonitoringTls&, const MonitoringTls&) = default;
};

struct Monitoring {
  base::Nanoseconds interval = base::kSecond;           // between two runs of the policy
  std::string listen = "0.0.0.0:9200";                  // gRPC; "" : off
  std::vector<std::string> monitors;                    // ADDRESS:PORT; empty: this node is alone
  base::Nanoseconds exchange = 3 * base::kMillisecond;  // between two rounds of counts
  MonitoringTls tls;
  friend bool operator==(const Monitoring&, const Monitoring&) = default;
};

/// How routers learn whether this node takes the vips' traffic (docs/routes.md).
struct Routes {
  std::string bird;                    // BIRD's control socket; "": none
  std::string protocol = "fairlead*";  // BIRD's protocols, a pattern
  std::string hook;                    // called with announce or withdraw; "": none
  base::Nanoseconds p99_limit = 0;     // of the forwarding latency; 0: none
  friend bool operator==(const Routes&, const Routes&) = default;
};

/// The API (docs/api.md). Over TCP only with mutual TLS.
struct Api {
  bool unix = true;         // gRPC on api.sock and HTTP on http.sock of the runtime directory
  std::string grpc;         // "ADDRESS:PORT"; "": off
  std::string http;         // the same
  std::string certificate;  // PEM files
  std::string key;
  std::string client_ca;
  std::vector<std::string> admins;  // common names of clients that may change things
  friend bool operator==(const Api&, const Api&) = default;
};

/// Staged changes (docs/changes.md).
struct Changes {
  std::string directory;       // of revisions; default <runtime_dir>/changes
  std::uint32_t history = 20;  // revisions kept, 2..1000
  bool watch = false;          // reload when the file changes
  friend bool operator==(const Changes&, const Changes&) = default;
};

enum class Distribution : std::uint8_t { kFixed, kExponential, kLognormal, kBimodal, kPareto };
enum class ArrivalProcess : std::uint8_t { kPoisson, kBursty, kDiurnal, kFlash };

/// What may happen in a simulated run; words of `simulation.events`.
enum class EventKind : std::uint8_t {
  kSlow,
  kMisreport,
  kCrash,
  kRefuse,
  kRecover,
  kLeave,
  kJoin,
  kNodeDeath,
  kNodeReturn,
};

struct Event {
  base::Nanoseconds at = 0;
  EventKind what = EventKind::kSlow;
  double factor = 1;                 // of the speed, of the reported utilisation
  std::vector<std::string> targets;  // ids of backends, or of nodes
  std::string where;                 // "file:line: key"
  friend bool operator==(const Event&, const Event&) = default;
};

/// What the learners of eg and actor-critic may do; off is the kill switch.
enum class Learning : std::uint8_t { kOff, kShadow, kOn };

/// Rails around the policy's table weights (policy/rails.hh); fractions of 1, 0: off.
struct Rails {
  double dead_band = 0;
  double max_step = 0;
  double floor = 0;
  double ceiling = 0;
  double max_moved = 0;
  base::Nanoseconds moved_within = 60 * base::kSecond;
  friend bool operator==(const Rails&, const Rails&) = default;
};

/// For fairlead-sim only; times in nanoseconds. Meanings: docs/simulator.md.
struct Simulation {
  std::uint32_t nodes = 5;
  std::uint32_t backends = 100;    // made when the vip lists none
  std::uint32_t cores = 4;         // of each backend
  std::uint32_t concurrency = 64;  // requests served at once by each backend
  std::vector<double> speeds;      // of the backends, in turn; empty: all 1
  bool sharing = false;            // processor sharing instead of first come first served
  Distribution distribution = Distribution::kLognormal;
  base::Nanoseconds service_mean = 20 * base::kMillisecond;
  double service_sigma = 1.0;  // lognormal: of the logarithm; pareto: shape
  ArrivalProcess arrivals = ArrivalProcess::kPoisson;
  double amplitude = 0.5;                            // bursty, diurnal: rate swings by so much
  base::Nanoseconds arrival_period = base::kSecond;  // bursty: mean length; diurnal: a day
  base::Nanoseconds flash_from = 24 * base::kSecond;
  base::Nanoseconds flash_until = 42 * base::kSecond;
  double flash_factor = 1.3;  // of the rate, between the two
  std::uint32_t connection_requests = 1;
  base::Nanoseconds think = 200 * base::kMillisecond;
  base::Nanoseconds forward_latency = 20 * base::kMicrosecond;  // of a node
  base::Nanoseconds exchange = 3 * base::kMillisecond;          // of in-flight counts between nodes
  base::Nanoseconds report_delay = 50 * base::kMillisecond;
  double report_loss = 0.0;  // of a backend's report
  double antagonists = 0;    // share of the backends that are robbed of speed at any time
  std::vector<Event> events;
  double load = 0.85;  // of total capacity; used when rate is 0
  double rate = 0;     // requests a second; 0: from load
  base::Nanoseconds duration = 60 * base::kSecond;
  std::uint64_t seed = 1;
  friend bool operator==(const Simulation&, const Simulation&) = default;
};

struct Config {
  std::string file;  // where it came from
  std::string text;  // what it was read from
  model::Node node;
  std::string runtime_dir;   // default /run/fairlead/<node.id>
  std::string interface;     // XDP gate's; "": no gate
  std::string interface_at;  // where it was named: "file:line: key"
  std::vector<model::Port> ports;
  Workers workers;
  Memory memory;
  Fleet fleet;
  model::Outgoing outgoing;
  Flows flows;
  std::vector<model::Vip> vips;
  Monitoring monitoring;
  model::PolicyName policy = model::PolicyName::kAdaptive;
  Learning learning = Learning::kOn;
  Rails rails;
  std::string metrics_listen = "127.0.0.1:9101";  // "": off
  std::string policy_log;    // file of the policies' inputs and decisions; "": off
  std::string decision_log;  // file; "": off; default <runtime_dir>/decisions.csv
  Api api;
  Routes routes;
  Changes changes;
  bool has_simulation = false;
  Simulation simulation;
  /// Legal, but probably not meant; one line each, `file:line: path: ...`.
  std::vector<std::string> warnings;
};

enum class Purpose : std::uint8_t {
  kForward,   // control, data plane: a pool must list its backends
  kSimulate,  // fairlead-sim: empty pools are filled from simulation.backends
  kStage,     // made step by step: pools may be empty, and there may be no vip yet
};

/// Reads and checks a whole file. The error (always kInvalidArgument) is one line:
/// `FILE:LINE: path.to.key: what is wrong, what to do`. Reads nothing but that file.
base::Result<Config> load_config(const std::string& path, Purpose purpose = Purpose::kForward);

/// The same for text already in memory; `name` stands for the file in messages.
base::Result<Config> parse_config(
    const std::string& text, const std::string& name, Purpose purpose = Purpose::kForward
);

}  // namespace fairlead::config
