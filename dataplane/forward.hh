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
#include "dataplane/capture.hh"
#include "dataplane/crew.hh"
#include "dataplane/decision_log.hh"
#include "dataplane/eal.hh"
#include "dataplane/options.hh"
#include "dataplane/shm/region.hh"
#include "dataplane/station.hh"
#include "dataplane/table_copy.hh"

namespace fairlead::dataplane {

/// Regions of this node, made or found again (steer/abi.h).
struct Regions {
  std::vector<shm::Region> steering;  // the last one is in force; older ones stay mapped
  shm::Region scores;
  shm::Region workers;
  std::vector<shm::Region> flows;  // by worker
};

/// `found`: how many workers the process before us had; 0: none, or its regions do not fit.
/// `found`: workers that a process before us had. `replace`: a data plane that runs here is told to
/// end (SIGTERM), and killed if it does not within sys::kLockPatience.
base::Result<Regions> open_regions(const config::Config& config, bool replace, unsigned& found);

/// Frames that the main thread makes itself: its pool.
inline constexpr std::uint32_t kMainBuffers = 511;

/// The whole process while it forwards. Members are in the order of their start; they end in
/// reverse. Main thread only.
struct Forwarder {
  explicit Forwarder(const config::Config& c) : config(c) {}
  [[nodiscard]] Station::Setup station_setup(const model::Port& port, unsigned number) const;

  const config::Config& config;
  std::vector<unsigned> crew_cores;  // by worker
  Regions regions;
  std::unique_ptr<Eal> eal;
  rte_mempool* main_pool = nullptr;  // frames that the main thread makes
  Crew::Stations stations;
  path::Peers peers;
  std::unique_ptr<Crew> crew;
  std::unique_ptr<DecisionLog> decisions;
  Capture capture;
  TableCopy table;
  base::Nanoseconds started = 0;
  unsigned workers_resting = 0;  // that `start forwarding` brings back
  bool stop_asked = false;
};

/// What EAL is started with: devices, memory for all packet buffers, computed from ports and
/// workers. Errors name the key.
base::Result<EalPlan> make_plan(const config::Config& config, const Options& options);

/// The core of each worker there may be: as configured, then allowed ones with the fewest workers.
std::vector<unsigned> worker_cores(
    const config::Workers& workers, const std::vector<unsigned>& allowed
);

/// Opens a port at run time and lets the workers serve it; the number it got.
base::Result<unsigned> add_port(Forwarder& forwarder, const model::Port& port);
/// The workers leave the port, then it is closed. Its flows stay: they come back by other ports.
base::Result<void> remove_port(Forwarder& forwarder, unsigned number);

/// No flow that has been idle for longer is kept: by the table in force, which an update may have
/// changed since the start, or where there is none yet, by the configuration.
base::Nanoseconds longest_idle(Forwarder& forwarder);

/// A port's counters, summed over its devices.
PortCounters counters_of(const Station& station);

/// Once a second: looks after the ports, writes their pages, says what changed.
void watch_ports(Forwarder& forwarder, base::Nanoseconds now);

/// Brings the rules of all ports in line with the vips of the newest table.
void follow_vips(Forwarder& forwarder);

/// Who forwards now what comes to these workers' queues: "workers", "gate", "workers and gate", or
/// "nobody" where there is no gate.
std::string who_forwards(const Forwarder& forwarder, const std::vector<unsigned>& workers);

/// `show port` and its relatives; `arguments` as in docs/control-socket.md.
base::Result<nlohmann::json> show_core(const Forwarder& f, const nlohmann::json& arguments);
base::Result<nlohmann::json> show_port(const Forwarder& f, const nlohmann::json& arguments);

/// `clear stats`: show port counts from now on, for one port or all.
base::Result<nlohmann::json> clear_ports(Forwarder& f, const nlohmann::json& arguments);

/// `capture start`, `capture stop`, `show capture`, `trace start`, `trace stop` and `show trace`.
base::Result<nlohmann::json> start_capture(Forwarder& f, const nlohmann::json& arguments);
base::Result<nlohmann::json> start_trace(Forwarder& f, const nlohmann::json& arguments);
base::Result<nlohmann::json> stop_capture(Forwarder& f, const nlohmann::json& arguments);
base::Result<nlohmann::json> show_capture(Forwarder& f, const nlohmann::json& arguments);

/// Answers the commands of docs/control-socket.md, section dataplane.sock.
base::Result<nlohmann::json> answer(
    Forwarder& forwarder, const std::string& command, const nlohmann::json& arguments
);

/// Forwards until SIGTERM, SIGINT or the console's `stop`; then closes the ports at once, so that
/// the next process can bind their queues.
base::Result<void> run_forwarding(const config::Config& configured, const Options& options);

}  // namespace fairlead::dataplane
