// SPDX-License-Identifier: BSD-3-Clause
// The fleet's central monitoring: takes reports of the modelled backends (late, lossy, untrue where
// the scenario says so), runs the production policy on them, ships weights and health to the nodes.
#pragma once

#include <cstdint>
#include <vector>

#include "control/health/dampener.hh"
#include "control/policy/policy.hh"
#include "control/sim/backend_model.hh"
#include "control/sim/routing.hh"
#include "control/sim/setup.hh"
#include "control/sim/workload.hh"

namespace fairlead::sim {

class Leader {
 public:
  explicit Leader(const Setup& setup);

  /// Windows of all backends become reports under way; `up`: those that answer.
  void snapshot(std::vector<BackendModel>& backends, const std::vector<std::uint8_t>& up, Time now);
  /// What arrived since the last turn goes through the policy. Returns the shipment.
  Shipment turn(
      const std::vector<BackendModel>& backends, std::span<const std::uint32_t> open, Time now
  );
  /// The last shipment's weights with today's health.
  Shipment health_only();

  /// One round of probes; true when a state changed.
  bool probe(const std::vector<std::uint8_t>& up);
  /// What an updates file says about a backend. Returns true when its health changed.
  bool report(const FileReport& report, std::uint32_t backend, Time now);
  void set_report_factor(std::uint32_t backend, double factor) { report_factor_[backend] = factor; }
  /// Member of the pool from now on, or not (leaving: no new connections).
  void set_member(std::uint32_t backend, bool member) { member_[backend] = member ? 1 : 0; }
  [[nodiscard]] std::uint8_t usable(std::uint32_t backend) const;
  /// Gets traffic while it is healthy: a member, and not declared down by the updates file.
  [[nodiscard]] bool wanted(std::uint32_t b) const { return member_[b] != 0 && told_down_[b] == 0; }
  [[nodiscard]] const policy::State& state() const { return state_; }

 private:
  [[nodiscard]] std::vector<std::uint8_t> usable_all() const;

  const Setup* setup_;
  policy::Draws loss_;
  policy::Snapshot pool_;
  policy::State state_;
  std::vector<std::vector<policy::Report>> reports_;  // by backend, not yet used
  std::vector<double> report_factor_;
  std::vector<health::Dampener> dampeners_;
  std::vector<std::uint8_t> member_;
  std::vector<std::uint8_t> told_down_;  // by the updates file
  policy::RailMemory rails_;
  std::vector<policy::EffectiveWeight> last_;
  std::uint64_t snapshots_ = 0;
  Time last_turn_ = 0;
};

}  // namespace fairlead::sim
