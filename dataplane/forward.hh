// SPDX-License-Identifier: BSD-3-Clause
// The forwarding process: regions, ports, workers, and what the main thread does beside them.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "control/config/config.hh"
#include "dataplane/base/result.hh"
#include "dataplane/decision_log.hh"
#include "dataplane/eal.hh"
#include "dataplane/neighbours.hh"
#include "dataplane/options.hh"
#include "dataplane/port.hh"
#include "dataplane/punt.hh"
#include "dataplane/shm/region.hh"
#include "dataplane/table_copy.hh"
#include "dataplane/worker.hh"

namespace fairlead::dataplane {

/// Regions of this node, made or found again (steer/abi.h).
struct Regions {
  std::vector<shm::Region> steering;  // the last one is in force; older ones stay mapped
  shm::Region scores;
  shm::Region workers;
  std::vector<shm::Region> flows;  // by worker
};

base::Result<Regions> open_regions(const config::Config& config);

/// One port and all that belongs to it on the main thread's side.
struct Station {
  Station(Port opened, PuntPath path) : port(std::move(opened)), punt(path) {}
  Port port;
  PuntPath punt;
  std::vector<PacketRing> to_main;  // by worker; empty with PuntPath::kNone
  std::vector<PacketRing> from_main;
  std::unique_ptr<Tap> tap;  // with PuntPath::kTap
  std::unique_ptr<Neighbours> neighbours;
};

/// What the console shows of the last second of a worker.
struct Pulse {
  std::uint64_t busy = 0;
  std::uint64_t idle = 0;
  std::uint64_t packets = 0;
  double busy_share = 0;
  double pps = 0;
  double cycles_per_packet = 0;
};

/// The whole process while it forwards. Members are in the order of their start; they end in
/// reverse. Main thread only.
struct Forwarder {
  explicit Forwarder(const config::Config& c) : config(c) {}
  const config::Config& config;
  Regions regions;
  std::unique_ptr<Eal> eal;
  rte_mempool* main_pool = nullptr;  // frames that the main thread makes
  std::vector<std::unique_ptr<Station>> stations;
  std::vector<std::unique_ptr<Worker>> workers;
  std::unique_ptr<DecisionLog> decisions;
  TableCopy table;
  std::vector<Pulse> pulses;
  base::Nanoseconds started = 0;
  bool stop_asked = false;
};

/// Answers the commands of docs/control-socket.md, section dataplane.sock.
base::Result<nlohmann::json> answer(
    Forwarder& forwarder, const std::string& command, const nlohmann::json& arguments
);

/// Forwards until SIGTERM, SIGINT or the console's `stop`; then closes the ports at once, so that
/// the next process can bind their queues.
base::Result<void> run_forwarding(const config::Config& config, const Options& options);

}  // namespace fairlead::dataplane
