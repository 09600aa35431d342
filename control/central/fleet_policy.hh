// SPDX-License-Identifier: BSD-3-Clause
// The policy of a whole fleet: the leader of the monitors turns it, nodes apply what comes out.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control/config/config.hh"
#include "control/monitor/fleet_weights.hh"
#include "control/monitor/intake.hh"
#include "control/monitor/monitor.pb.h"
#include "control/operator_state.hh"
#include "control/pool_weights.hh"

namespace fairlead::central {

/// Pure but for what the caller hands in. One thread.
///
/// Generations only rise. A new leader asks the nodes first what they have in force and goes on
/// from the newest of that; whatever it hears later of a generation that it did not make, it counts
/// on above it.
class FleetPolicy {
 public:
  using Reports = std::map<std::string, std::vector<monitor::Received>>;  // by backend
  struct Input {
    const config::Config& config;
    const control::OperatorState& operators;
    const std::vector<v1::NodeRow>& nodes;                        // what they said last
    std::function<double(const std::string& backend)> in_flight;  // through all nodes
  };

  /// This monitor leads from now on; `known`: the highest generation that etcd knows.
  void lead(std::uint64_t term, std::uint64_t known);
  void follow() { term_ = 0; }
  [[nodiscard]] bool leads() const { return term_ != 0; }
  [[nodiscard]] std::uint64_t term() const { return term_; }  // 0: follows

  /// True: there is a new generation. While asks(), nothing is computed.
  bool turn(const Input& input, const Reports& reports, base::Nanoseconds now);
  /// Nodes are to tell what they have in force, and keep it.
  [[nodiscard]] bool asks() const { return asked_ < kAsk; }
  /// Generation 0: none yet.
  [[nodiscard]] const monitor::FleetWeights& weights() const { return weights_; }

 private:
  // Nodes answer an update at once: what is not there with the second turn does not come.
  static constexpr unsigned kAsk = 2;
  static constexpr base::Nanoseconds kHold = 5 * base::kSecond;

  void hear(const Input& input, base::Nanoseconds now);
  void adopt(monitor::FleetWeights told, bool hold, base::Nanoseconds now);
  bool run(const Input& input, const Reports& reports, base::Nanoseconds now);
  bool renew(const std::vector<model::Vip>& vips, bool changed);

  control::PoolWeights pools_;
  monitor::FleetWeights weights_;
  std::uint64_t term_ = 0;
  std::uint64_t highest_ = 0;  // generation that anybody knows
  unsigned asked_ = 0;
  bool computed_ = false;  // since the lead began
};

}  // namespace fairlead::central
