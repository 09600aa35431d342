// SPDX-License-Identifier: BSD-3-Clause
// Weights that the leader of the monitors computed for all nodes. Plain values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace fairlead::v1 {
class FleetWeights;  // monitor.proto; generated headers cost each file that sees them seconds
}

namespace fairlead::monitor {

struct FleetWeight {
  std::uint32_t weight = 0;    // of the table
  std::uint32_t parallel = 0;  // as policy::EffectiveWeight, and the next
  std::uint32_t inverse_weight = 0;
  friend bool operator==(const FleetWeight&, const FleetWeight&) = default;
};

struct FleetWeights {
  std::uint64_t term = 0;        // of the leader that computed them
  std::uint64_t generation = 0;  // rises with every change of what tables depend on; 0: none
  bool frozen = false;           // measurements are lost, or an operator froze them
  std::map<std::string, std::map<std::string, FleetWeight>> pools;  // vip, backend
  friend bool operator==(const FleetWeights&, const FleetWeights&) = default;
};

/// Of what tables depend on: equal for equal weights and counts of parallel requests. Scores are no
/// part of it: they move all the time.
std::uint64_t digest_of(const FleetWeights& weights);

/// Whether a node that has `now` in force takes `next`, whose term it has judged already: a newer
/// generation, or the same with younger scores. Never an older one, nor another one by the same
/// number: of these the leader hears, and counts on above them.
bool supersedes(const FleetWeights& next, const FleetWeights& now);

v1::FleetWeights to_wire(const FleetWeights& weights);
/// Nullopt: lists of different lengths, or a digest that is not that of the content.
std::optional<FleetWeights> from_wire(const v1::FleetWeights& wire, std::uint64_t term);

}  // namespace fairlead::monitor
