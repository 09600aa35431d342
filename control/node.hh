// SPDX-License-Identifier: BSD-3-Clause
// Everything that control knows about its node. Plain state: daemon.cc turns it, show_*.cc and
// metrics.cc look at it, all under the daemon's lock.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/api/counters.hh"
#include "control/api/flow_regions.hh"
#include "control/config/config.hh"
#include "control/exchange_link.hh"
#include "control/fleet/store.hh"
#include "control/fleet_bases.hh"
#include "control/fleet_view.hh"
#include "control/happenings.hh"
#include "control/health/checks.hh"
#include "control/monitor/fleet_weights.hh"
#include "control/monitor/intake.hh"
#include "control/operator_state.hh"
#include "control/policy_log.hh"
#include "control/pool_rows.hh"
#include "control/pool_weights.hh"
#include "control/publisher.hh"
#include "control/regions.hh"
#include "control/route_state.hh"
#include "control/stats_baseline.hh"
#include "ebpf/loader.hh"

namespace fairlead::control {

inline constexpr std::string_view kVersion = FL_VERSION;

/// A worker that has not taken up the newest tables for a while.
struct HeldBack {
  shm::Holder holder;
  base::Nanoseconds since = 0;  // seen so
  bool told = false;
};

/// A time in which the data plane does not forward for all its queues.
struct GateEpisode {
  bool on = false;
  base::Nanoseconds since = 0;
  std::string cause;          // "died"; "" while it is not known
  std::uint32_t pid = 0;      // who forwarded before; 0: nobody has
  std::uint64_t packets = 0;  // that the gate had handled at its begin
};

struct Node {
  Node(config::Config c, Regions r, Publisher p)
      : config(std::move(c)),
        regions(std::move(r)),
        publisher(std::move(p)),
        flows(regions.dir),
        happenings(regions.dir + "/events.jsonl") {}
  // Publisher points into the regions' mappings, which keep their place when a Region moves.

  config::Config config;
  Regions regions;
  Publisher publisher;
  api::FlowRegions flows;
  Happenings happenings;
  OperatorState operators;
  health::Checks checks;
  monitor::Intake intake;
  PoolRows rows;  // of `config`, what the three above say
  FleetView fleet;
  RouteState routes;
  std::unique_ptr<fleet::Store> store;    // null: this node is alone with its files
  bool store_heard = false;               // what it says is in force
  fleet::Values shared_seen;              // operators' decisions as the fleet has them
  FleetBases bases;                       // of the store, by vip
  std::string shared_config_from;         // who shared the configuration in force; "": the file's
  std::string shared_config_error;        // why the fleet's is not in force
  std::unique_ptr<PolicyLog> policy_log;  // may be absent; outlives `weights`
  PoolWeights weights;
  monitor::FleetWeights fleet_weights;  // generation 0: this node weighs for itself
  api::LatencyWindow latency;           // of the last second
  ExchangeLink exchange;                // uses the regions, so ends before them
  std::optional<ebpf::Gate> gate;
  std::string gate_error;  // why there is none although one is configured
  base::Nanoseconds started = 0;
  std::uint64_t transitions = 0;  // of health
  std::uint64_t reloads = 0;
  std::uint64_t reloads_refused = 0;
  std::string reload_error;  // of the last reload; "" after a good one
  std::uint64_t publish_errors = 0;
  std::string last_error;         // of publishing; "" after a success
  std::string history_error;      // why revisions are not on disk; "": they are
  bool decisions_behind = false;  // state.json does not hold what operators decided yet
  std::string decisions_error;    // why
  base::Nanoseconds decisions_retry_at = 0;
  base::Nanoseconds waits_since = 0;  // a change waits for a bank; 0: none does
  std::vector<HeldBack> held_back;    // by worker
  GateEpisode episode;
  std::uint64_t lost_in_socket = 0;  // redirected to data planes that ended without receiving them
  StatsBaseline cleared;             // what `clear stats` took off
};

/// The configured vip or backend; null: unknown.
const model::Vip* find_vip(const Node& node, const std::string& name);
const model::Backend* find_backend(const model::Vip& vip, const std::string& id);

/// Weight before the policy: the operator's, else the configured one.
std::uint32_t base_weight(const Node& node, const model::Vip& vip, const model::Backend& backend);
/// Drained by an operator, or its agent left.
bool is_draining(const Node& node, const std::string& vip, const std::string& backend);

/// Published number of a member; nullopt: in no generation yet. Cost: a look at all members.
std::optional<std::uint32_t> member_number(
    const Node& node, const std::string& vip, const std::string& backend
);
/// The same of all, by vip and backend.
std::map<Member, std::uint32_t> member_numbers(const Node& node);

}  // namespace fairlead::control
