// SPDX-License-Identifier: BSD-3-Clause
// latency: score weight x (pool's median latency / own latency), 1/8 to 3: peak-EWMA's cost with
// the data plane's in-flight count, from reports.
//
// prequal: the hot-cold rule of Prequal (see prequal.cc) from load reports instead of probes. A
// backend whose reported requests in flight are above the 0.84 quantile of the pool is hot: it
// looks eight times as loaded as a cold one, so candidates that are cold go first; among cold ones
// the lower latency wins, among hot ones the lower count. A daemon cannot probe three backends per
// connection, and its data plane knows two candidates, so this is what it runs; fairlead-sim runs
// the published one.
//
// Limits: both see a backend as it was a report ago, and nothing while no request completes.
// Latency also holds the work itself: a backend that is asked for more per request looks slow.
// Without reports for 10 s a backend counts as usual. The table keeps configured weights, so a
// backend that is declared too large is only as light as the other candidates allow.
#include "control/policy/score_policies.hh"

#include <algorithm>
#include <cstdio>

#include "control/policy/estimate.hh"

namespace fairlead::policy {

namespace {

constexpr double kQuantile = 0.84;
constexpr double kHot = 0.125;

double latency_factor(double usual, double latency) {
  return usual > 0 && latency > 0 ? std::clamp(usual / latency, 0.125, 3.0) : 1.0;
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

}  // namespace

std::vector<ScoreFactor> score_factors(
    const Snapshot& snapshot, const State& state, base::Nanoseconds now
) {
  std::vector<ScoreFactor> result(snapshot.backends.size());
  const bool prequal = snapshot.policy == model::PolicyName::kPrequal;
  if (!prequal && snapshot.policy != model::PolicyName::kLatency) return result;
  std::vector<double> latencies;
  std::vector<double> actives;
  for (const auto& [id, s] : state.backends) {
    latencies.push_back(s.latency_us);
    if (s.last_report != 0) actives.push_back(s.active);
  }
  const double usual = median_positive(std::move(latencies));
  const double threshold = quantile(std::move(actives), kQuantile);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const BackendState& s = state.backends.at(snapshot.backends[i].id);
    if (s.last_report == 0 || now >= s.last_report + kForgotten) continue;
    const bool hot = prequal && s.active > threshold;
    result[i].factor = hot ? kHot : latency_factor(usual, s.latency_us);
    char why[120];
    std::snprintf(
        why,
        sizeof why,
        "%s%.0f us, pool's median %.0f us, in the score only",
        hot ? "hot, " : "",
        s.latency_us,
        usual
    );
    result[i].why = why;
  }
  return result;
}

}  // namespace fairlead::policy
