// SPDX-License-Identifier: BSD-3-Clause
// Policies: from what is configured and what was measured to effective weights. Pure functions; the
// daemon and the simulator run the same code. Formulas and sources: docs/steering.md, section 6.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/model/model.hh"
#include "control/policy/guard.hh"
#include "dataplane/base/clock.hh"

namespace fairlead::policy {

/// A pool's backend as configured and as health sees it.
struct Backend {
  std::string id;
  std::uint32_t weight = 100;  // configured, 0..10000; 0: no new flows by weight
  std::uint32_t capacity = 0;  // most requests served at once; 0: unknown
  bool usable = true;          // healthy and not draining
};

/// What a learner may do: nothing (kill switch), compute and tell, or change score weights.
enum class Learning : std::uint8_t { kOff, kShadow, kOn };

inline constexpr std::size_t kActorFeatures = 8;
inline constexpr std::size_t kActorActions = 5;

/// The linear actor, trained by `fairlead-sim train`; [feature][action].
struct ActorParameters {
  std::array<std::array<double, kActorActions>, kActorFeatures> theta{};
  friend bool operator==(const ActorParameters&, const ActorParameters&) = default;
};
/// What was trained last (actor_parameters.cc, written by scripts/train).
const ActorParameters& trained_actor();

class Trainer;

/// An estimate or a latency without a report for so long is no longer used.
inline constexpr base::Nanoseconds kForgotten = 10 * base::kSecond;

/// Constants of the policies; the defaults are those of the studies.
struct Parameters {
  base::Nanoseconds report_period = 100 * base::kMillisecond;  // of the agents
  base::Nanoseconds stale_after = 3 * base::kSecond;  // without reports so long: estimates rest
  base::Nanoseconds blackout = 2 * base::kSecond;     // a new backend keeps its prior so long
  double error_penalty = 1.0;                         // wrr: weight of eps/qps
  double dead_band = 0.10;          // smaller relative changes of a weight are not made
  double max_step = 0.25;           // largest relative change of a table weight in one second
  double doubted_step = 0.02;       // adaptive: the same of a backend on probation (choices > 1)
  double floor = 0.02;              // of the mean weight
  double exponent = 1.0;            // adaptive: w = C^exponent
  double memory = 6000;             // adaptive: completions that an estimate remembers
  double window_completions = 100;  // estimates are fed by so many completions
  base::Nanoseconds window_time = 2 * base::kSecond;  // or after so long
  double guard = 2.0;                                 // adaptive: gamma of the stretch guard
  std::uint32_t choices = 3;                          // of the vip: candidates of a new flow
  Learning learning = Learning::kOn;                  // eg, actor-critic
  ActorParameters actor = trained_actor();            // actor-critic
};

struct Snapshot {
  model::PolicyName policy = model::PolicyName::kStatic;
  std::vector<Backend> backends;
  Parameters parameters;
};

/// A load report as it came, times made local (monotonic). Field meanings: api/fairlead.proto.
struct Report {
  base::Nanoseconds received_ns = 0;
  std::uint64_t sequence = 0;          // equal to the last one: ignored
  double cpu = 0;                      // 0..1
  double application_utilization = 0;  // 0: not measured; else preferred to cpu
  double requests_per_second = 0;      // completed, errors included
  double errors_per_second = 0;
  double active = 0;             // being served now
  double active_samples = 1;     // moments that `active` is the mean of
  double mean_latency_us = 0;    // 0: none
  base::Nanoseconds period = 0;  // 0: Parameters::report_period
};

/// What is known about a backend at an update; parallel to Snapshot::backends.
struct Observation {
  std::vector<Report> reports;  // since the last update, oldest first; often empty
  double in_flight = 0;         // flows open now, all workers of this node
};

struct Observations {
  base::Nanoseconds now = 0;
  std::vector<Observation> backends;
};

/// What a policy remembers about one backend. Default: nothing.
struct BackendState {
  base::Nanoseconds first_seen = 0;
  base::Nanoseconds last_report = 0;  // time of the last report used; 0: none yet
  std::uint64_t last_sequence = 0;
  std::uint64_t refused = 0;  // reports not used: NaN, negative, absurd
  // Sums over the reports since the estimates were last fed.
  double window_seconds = 0;
  double window_done = 0;  // good completions
  double window_errors = 0;
  double window_busy = 0;     // utilisation x seconds
  double window_active = 0;   // requests being served x seconds
  double window_latency = 0;  // mean latency x completions, microseconds
  double window_samples = 0;  // moments at which active requests were counted
  // Estimates; 0: none yet.
  double capacity = 0;  // good completions a second at full utilisation
  double seen = 0;      // completions in it
  double lost = 0;      // what `capacity` was before it jumped down; 0: not, or it is back
  double proven = 0;    // what is believed of it after it was found too good; 0: all
  double found = 0;     // what it completed when it was found too good last
  double believed = 0;  // of `capacity`, by the policy's guard; completions a second
  int odd_windows = 0;  // windows in a row that differ tenfold
  double rate = 0;      // good completions a second in the last window
  double error_rate = 0;
  double utilization = 0;
  double active = 0;
  double active_samples = 0;          // moments that it is the mean of
  double latency_us = 0;              // moving average
  double stretch_base = 0;            // usual active / utilisation, for the guard
  double parallel = 0;                // least active / utilisation, for the score
  double window_mean_latency_us = 0;  // of the last window
  double active_before = 0;           // of the window before it
  double residual = 0;                // learned logarithm of a factor on the score weight
  // Weights in force, mean of the pool 1000; 0: none yet.
  double table_weight = 0;
  double score_weight = 0;
  std::uint32_t given = 0;  // table weight as last returned
  friend bool operator==(const BackendState&, const BackendState&) = default;
};

/// Of one pool; key: backend id. Entries of backends that left are dropped by update().
struct State {
  std::map<std::string, BackendState> backends;
  std::uint64_t freezes = 0;
  Guard guard;                 // of the learner
  Trainer* trainer = nullptr;  // only while training, in the simulator
  friend bool operator==(const State&, const State&) = default;
};

struct EffectiveWeight {
  std::uint32_t weight = 0;          // for the table, 0..10000; 0 only where configured 0
  std::uint32_t inverse_weight = 0;  // for the score (fl_score)
  std::uint32_t parallel = 0;        // requests served at once without queueing; 0: not known
  std::string why;                   // one line for operators
  friend bool operator==(const EffectiveWeight&, const EffectiveWeight&) = default;
};

struct Weights {
  std::vector<EffectiveWeight> backends;  // parallel to Snapshot::backends
  bool frozen = false;                    // all monitoring is lost: the last weights stay
  bool changed = false;                   // a table weight differs from the last update's
};

/// One turn of a pool's policy. `dt` is the time since the last update of this pool. kWlc,
/// kLatency and kPrequal use configured weights in the table and differ in the score; kEg and
/// kActorCritic are kAdaptive with a learned factor on the score weight (residual.hh).
Weights update(
    const Snapshot& snapshot, const Observations& observed, State& state, base::Nanoseconds dt
);

/// fl_score.inverse_weight of a weight in the unit of table weights (0..10000): 2^20 / weight,
/// at least 1, at most 2^31; weight 0 looks full (UINT32_MAX).
std::uint32_t score_inverse_weight(double weight);

/// The same for a score that leaves to the table what the table does: what is in the score weight
/// beyond the table's, in eighths, so that two estimates that differ by their noise are equal.
/// UINT32_MAX, looks full, stays.
std::uint32_t inverse_beyond_table(const EffectiveWeight& weight);

}  // namespace fairlead::policy
