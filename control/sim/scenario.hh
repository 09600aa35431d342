// SPDX-License-Identifier: BSD-3-Clause
// The built-in scenarios and the policies by name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/sim/setup.hh"
#include "dataplane/base/result.hh"

namespace fairlead::sim {

/// What can be chosen about a scenario.
struct ScenarioOptions {
  std::string name = "homog";
  std::uint32_t nodes = 50;
  std::uint32_t backends = 100;
  double load = 0.85;  // of the true capacity without faults
  double rate = 0;     // requests a second instead; 0: from load
  Time duration = 60 * kSecond;
  Time warmup = 10 * kSecond;
  std::uint64_t seed = 1;
  Monitoring monitoring;
  Exchange exchange;
  std::uint32_t requests_per_connection = 1;
};

struct ScenarioInfo {
  std::string_view name;
  std::string_view what;  // one sentence
};
const std::vector<ScenarioInfo>& scenarios();

/// The setup of a scenario, policy left to the caller. Error: unknown name (nearest ones named).
base::Result<Setup> make_scenario(const ScenarioOptions& options);

/// Each backend loses 50 to 75 % of its speed for 10 to 40 s, again and again, so that a share of
/// them (above 0) is robbed at any time.
void add_antagonists(double share, Setup& setup);
/// A node forwards nothing from `when` on; the router notices later.
void add_node_death(Time when, std::uint32_t node, Setup& setup);
/// As Setup wants them: by time.
void sort_faults(Setup& setup);

struct PolicyInfo {
  std::string_view name;
  std::string_view what;
};
const std::vector<PolicyInfo>& policies();

/// A policy by name, with parameters: "adaptive", "adaptive:choices=3,exponent=1.1". Errors:
/// unknown name or parameter, value out of range.
base::Result<PolicySpec> make_policy(std::string_view text);

}  // namespace fairlead::sim
