// SPDX-License-Identifier: BSD-3-Clause
// What a node knows of its fleet from monitoring updates. Plain state, under the daemon's lock.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "control/fleet/store.hh"
#include "control/monitor/update_choice.hh"

namespace fairlead::control {

struct FleetNode {
  std::string id;
  std::uint64_t generation = 0;
  std::uint64_t digest = 0;
  std::uint64_t weights_generation = 0;
  bool announced = false;  // takes traffic
  std::string state;       // why not; "": it does, or tells nobody
  std::uint64_t packets = 0;
  std::uint64_t flows = 0;
  double forward_mean_us = 0;  // of the last second, as the next two; 0: no packets
  double forward_p50_us = 0;
  double forward_p99_us = 0;
  bool dataplane = false;
  std::vector<std::string> down;  // "vip/backend"
  std::uint32_t age_ms = 0;       // when the update was made
};

/// Puts the three latencies into a node's row; none without packets in the last second.
void add_latency(const FleetNode& node, nlohmann::json& row);

/// Nodes may differ for a moment while a change goes round; longer is an alarm.
inline constexpr base::Nanoseconds kMayDiffer = 3 * base::kSecond;
/// Who told nothing for longer is not heard.
inline constexpr base::Nanoseconds kHeardWithin = 3 * base::kSecond;
/// Where no lease says who is there: who was heard once and not for so long has gone.
inline constexpr base::Nanoseconds kRemembered = 60 * base::kSecond;

struct FleetView {
  bool configured = false;  // there are monitors
  monitor::UpdateChoice choice{3 * base::kSecond};
  std::string monitor;           // whose update was taken last
  std::vector<FleetNode> nodes;  // of that update
  std::uint64_t taken = 0;
  std::uint64_t other_monitor = 0;     // not taken: came from a monitor that is not in use
  std::uint64_t weights_refused = 0;   // older than those in force, or damaged
  bool asked_weights = false;          // by the last update: tell those in force
  std::uint64_t old_term = 0;          // not taken: from a leader that is none any more
  base::Nanoseconds differ_since = 0;  // digests are not all equal; 0: they are
  bool alarmed = false;                // that was told

  std::map<std::string, base::Nanoseconds> last_heard;  // by node; forgotten after kRemembered

  /// The rows of an update.
  void take(std::vector<FleetNode> rows, base::Nanoseconds now);
  /// The others whose tables are known now, and by name who is there by its lease or was heard
  /// lately and is not: after a change of the leader, all of them for a moment.
  struct Hearing {
    std::vector<FleetNode> heard;
    std::vector<std::string> silent;
  };
  [[nodiscard]] Hearing hearing(
      const std::string& own, const std::vector<std::string>& leases, base::Nanoseconds now
  ) const;
  /// Different digests of tables among the nodes.
  [[nodiscard]] std::size_t digests() const;
  /// Looks at the nodes of a new update. True: begin or end of a disagreement is to be told.
  bool look_at_digests(base::Nanoseconds now);
  [[nodiscard]] nlohmann::json show(base::Nanoseconds now) const;
};

/// How many nodes share the traffic, as far as is known: as many as a monitor hears of or, where
/// these are more, as have a lease in the store (null: none). Without monitors and store this node
/// is alone: 1. 0: not known, no monitor has told yet. Who has left is gone with the next update.
std::size_t fleet_size(const FleetView& fleet, const fleet::Store* store);

}  // namespace fairlead::control
