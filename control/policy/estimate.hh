// SPDX-License-Identifier: BSD-3-Clause
// From load reports to estimates: what a backend can do, and how it is doing.
#pragma once

#include "control/policy/policy.hh"

namespace fairlead::policy {

/// True when a report can be believed: finite, not negative, nothing absurd.
bool believable(const Report& report);

/// Adds a report to the current window; counts what it refuses.
void absorb(const Report& report, const Parameters& parameters, BackendState& state);

/// Feeds the estimates when the window is full (100 completions or 2 s): utilisation law
/// C = X / u, mixed in by completions, with a jump when the difference is certain. 1 s on
/// probation.
void close_window(const Parameters& parameters, BackendState& state);

/// Requests that the backend serves at once without queueing, for the score: the least number being
/// served per unit of utilisation (Little's law: c busy servers are c requests at utilisation 1;
/// queues only add). 0: not known. At most kMostParallel: where a backend is not bound by its CPU
/// the ratio means nothing, and a small error of a weight may outweigh a third of so many requests.
inline constexpr std::uint32_t kMostParallel = 16;
std::uint32_t parallel_of(const BackendState& state);

/// Median of the values above 0; 0 without any.
double median_positive(std::vector<double> values);

/// What is remembered of a pool's backends, parallel to Snapshot::backends: looked up by id once in
/// an update.
using States = std::vector<BackendState*>;

/// Desired weights before the rails, in any unit; 0: not known (the prior is used).
std::vector<double> wrr_weights(
    const Snapshot& snapshot, const States& states, base::Nanoseconds now
);
std::vector<double> adaptive_weights(
    const Snapshot& snapshot, const States& states, base::Nanoseconds now, double seconds
);

}  // namespace fairlead::policy
