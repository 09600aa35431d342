// SPDX-License-Identifier: BSD-3-Clause
// Policies side by side: the same workload for all of them, several seeds, ratios to the bounds.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "control/sim/scenario.hh"

namespace fairlead::sim {

struct Comparison {
  std::vector<std::string> policies;
  std::vector<std::string> scenarios;
  ScenarioOptions options;  // name and seed are replaced
  std::uint64_t first_seed = 1;
  std::uint32_t seeds = 5;
  std::uint32_t jobs = 1;  // threads; the result does not depend on it
};

/// What one run is judged by; after the warm-up.
struct RunResult {
  double p50_ms = 0;
  double p95_ms = 0;
  double p99_ms = 0;
  double p999_ms = 0;
  double mean_ms = 0;
  double requests = 0;
  double rejected = 0;
  double failed = 0;
  double within_200ms = 0;  // of all, those not served count as late
  double moved = 0;         // share of the slots an update
  double counts_bytes = 0;  // a second, into a node
  double peak_load = 0;     // of the second with the most work, as a share of what was there for it
  double crowded_seconds = 0;   // no balancer could have kept up (load_meter.hh)
  double uncrowded_p95_ms = 0;  // in the other seconds
};

/// Median and range over seeds of a quotient or a value.
struct Spread {
  double median = 0;
  double low = 0;
  double high = 0;
};
Spread spread(std::vector<double> values);

/// By scenario, policy (jsq, static and wlc are added when missing), seed.
struct ComparisonResult {
  Comparison asked;
  std::vector<std::string> policies;
  std::vector<std::vector<std::vector<RunResult>>> runs;  // [scenario][policy][seed]

  /// p99 of a policy over that of another, the same seed.
  [[nodiscard]] Spread ratio(std::size_t scenario, std::size_t policy, const std::string& of) const;
};

/// Runs everything. `progress(done, all)` from any thread, one at a time. Errors: unknown names.
base::Result<ComparisonResult> compare(
    const Comparison& comparison, const std::function<void(std::size_t, std::size_t)>& progress
);

std::string comparison_table(const ComparisonResult& result);
std::string comparison_json(const ComparisonResult& result);
std::string comparison_svg(const ComparisonResult& result);

}  // namespace fairlead::sim
