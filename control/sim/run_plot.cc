// SPDX-License-Identifier: BSD-3-Clause
// From samples to panels.
#include "control/sim/run_plot.hh"

#include <algorithm>

#include "control/sim/svg.hh"

namespace fairlead::sim {

namespace {

constexpr std::size_t kShown = 8;

/// Of the time in which requests come; what drains after it looks like a collapse.
std::vector<Sample> samples_of(const Setup& setup, const Measures& m) {
  std::vector<Sample> result;
  for (const Sample& s : m.samples)
    if (s.seconds <= static_cast<double>(setup.duration) * 1e-9) result.push_back(s);
  return result;
}

/// Backends by how much of their weight comes and goes once all are known, most first.
std::vector<std::size_t> most_moving(const Setup& setup, const std::vector<Sample>& samples) {
  std::vector<std::pair<double, std::size_t>> by_range;
  for (std::size_t b = 0; b < setup.backends.size(); ++b) {
    double low = 1;
    double high = 1e-9;
    for (std::size_t s = samples.size() / 4; s < samples.size(); ++s) {
      low = std::min(low, samples[s].weight[b]);
      high = std::max(high, samples[s].weight[b]);
    }
    by_range.emplace_back(low / high, b);
  }
  std::sort(by_range.begin(), by_range.end());
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < std::min(kShown, by_range.size()); ++i)
    result.push_back(by_range[i].second);
  return result;
}

}  // namespace

std::string run_svg(const Setup& setup, const Measures& m) {
  const std::vector<Sample> samples = samples_of(setup, m);
  Panel latency{"latency over time", "seconds", "ms", {{"p50", {}, {}}, {"p99", {}, {}}}, true, {}};
  Panel flow{
      "requests",
      "seconds",
      "a second",
      {{"served", {}, {}}, {"failed or rejected", {}, {}}},
      false,
      {}};
  for (const Sample& s : samples) {
    latency.series[0].points.emplace_back(s.seconds, s.p50_ms);
    latency.series[1].points.emplace_back(s.seconds, s.p99_ms);
    flow.series[0].points.emplace_back(s.seconds, s.requests_per_second);
    flow.series[1].points.emplace_back(s.seconds, s.failed_per_second);
  }
  Panel shares{"share of requests", "seconds", "% of all", {}, false, {}};
  Panel weights{"weight", "seconds", "% of all", {}, false, {}};
  for (const std::size_t b : most_moving(setup, samples)) {
    Series share{setup.backends[b].id, {}, {}};
    Series weight{setup.backends[b].id, {}, {}};
    for (const Sample& s : samples) {
      share.points.emplace_back(s.seconds, 100 * s.share[b]);
      weight.points.emplace_back(s.seconds, 100 * s.weight[b]);
    }
    shares.series.push_back(std::move(share));
    weights.series.push_back(std::move(weight));
  }
  Panel curve{"percentiles", "percentile", "ms", {{setup.policy.name, {}, {}}}, true, {}};
  for (double q = 0.01; q < 0.9995; q += q < 0.989 ? 0.01 : 0.001)
    curve.series[0].points.emplace_back(100 * q, m.latency.quantile(q) * 1e-6);
  const std::string title = setup.policy.name +
                            (setup.scenario.empty() ? "" : ", " + setup.scenario) + ", seed " +
                            std::to_string(setup.seed);
  return svg_document(title, {latency, curve, flow, shares, weights});
}

}  // namespace fairlead::sim
