// SPDX-License-Identifier: BSD-3-Clause
// A comparison as text, JSON and pictures.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "control/sim/compare.hh"
#include "control/sim/svg.hh"

namespace fairlead::sim {

namespace {

template <typename Value>
Spread spread_of(const std::vector<RunResult>& runs, const Value& value) {
  std::vector<double> values;
  for (const RunResult& run : runs) values.push_back(value(run));
  return spread(std::move(values));
}

std::string with_range(const Spread& s, const char* format) {
  char one[32];
  std::string out;
  std::snprintf(one, sizeof one, format, s.median);
  out = one;
  std::snprintf(one, sizeof one, format, s.low);
  out += std::string(" [") + one;
  std::snprintf(one, sizeof one, format, s.high);
  return out + "-" + one + "]";
}

nlohmann::ordered_json spread_json(const Spread& s) {
  const auto digits = [](double v) { return std::round(v * 1e4) / 1e4; };
  return {{"median", digits(s.median)}, {"low", digits(s.low)}, {"high", digits(s.high)}};
}

}  // namespace

std::string comparison_table(const ComparisonResult& r) {
  std::string out;
  char line[320];
  const ScenarioOptions& o = r.asked.options;
  for (std::size_t s = 0; s < r.runs.size(); ++s) {
    std::snprintf(
        line,
        sizeof line,
        "%s: %u backends, %u nodes, load %.2f, seeds %llu to %llu; p99 as ratio, median [range]\n",
        r.asked.scenarios[s].c_str(),
        o.backends,
        o.nodes,
        o.load,
        static_cast<unsigned long long>(r.asked.first_seed),
        static_cast<unsigned long long>(r.asked.first_seed + r.asked.seeds - 1)
    );
    out += line;
    std::snprintf(
        line,
        sizeof line,
        "%-28s %-18s %-18s %-18s %8s %8s %8s %8s %9s %9s %8s\n",
        "policy",
        "of jsq",
        "of static",
        "of wlc",
        "mean ms",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "rejected",
        "failed",
        "moved %"
    );
    out += line;
    for (std::size_t p = 0; p < r.policies.size(); ++p) {
      const auto& runs = r.runs[s][p];
      const auto median = [&](double RunResult::*member) {
        return spread_of(runs, [&](const RunResult& run) { return run.*member; }).median;
      };
      std::snprintf(
          line,
          sizeof line,
          "%-28s %-18s %-18s %-18s %8.1f %8.1f %8.1f %8.1f %9.0f %9.0f %8.2f\n",
          r.policies[p].c_str(),
          with_range(r.ratio(s, p, "jsq"), "%.2f").c_str(),
          with_range(r.ratio(s, p, "static"), "%.2f").c_str(),
          with_range(r.ratio(s, p, "wlc"), "%.2f").c_str(),
          median(&RunResult::mean_ms),
          median(&RunResult::p50_ms),
          median(&RunResult::p95_ms),
          median(&RunResult::p99_ms),
          median(&RunResult::rejected),
          median(&RunResult::failed),
          100 * median(&RunResult::moved)
      );
      out += line;
    }
    out += "\n";
  }
  return out;
}

std::string comparison_json(const ComparisonResult& r) {
  nlohmann::ordered_json j = nlohmann::ordered_json::array();
  for (std::size_t s = 0; s < r.runs.size(); ++s)
    for (std::size_t p = 0; p < r.policies.size(); ++p) {
      const auto& runs = r.runs[s][p];
      const auto of = [&](double RunResult::*member) {
        return spread_json(spread_of(runs, [&](const RunResult& run) { return run.*member; }));
      };
      j.push_back({
          {"scenario", r.asked.scenarios[s]},
          {"policy", r.policies[p]},
          {"seeds", r.asked.seeds},
          {"first_seed", r.asked.first_seed},
          {"of_jsq", spread_json(r.ratio(s, p, "jsq"))},
          {"of_static", spread_json(r.ratio(s, p, "static"))},
          {"of_wlc", spread_json(r.ratio(s, p, "wlc"))},
          {"p50_ms", of(&RunResult::p50_ms)},
          {"p95_ms", of(&RunResult::p95_ms)},
          {"p99_ms", of(&RunResult::p99_ms)},
          {"p999_ms", of(&RunResult::p999_ms)},
          {"mean_ms", of(&RunResult::mean_ms)},
          {"requests", of(&RunResult::requests)},
          {"rejected", of(&RunResult::rejected)},
          {"failed", of(&RunResult::failed)},
          {"within_200ms", of(&RunResult::within_200ms)},
          {"slots_moved", of(&RunResult::moved)},
          {"counts_bytes_per_second", of(&RunResult::counts_bytes)},
          {"peak_load", of(&RunResult::peak_load)},
          {"crowded_seconds", of(&RunResult::crowded_seconds)},
          {"uncrowded_p95_ms", of(&RunResult::uncrowded_p95_ms)},
      });
    }
  return j.dump(1) + "\n";
}

std::string comparison_svg(const ComparisonResult& r) {
  Panel ratios{
      "p99 as a ratio to central JSQ", "scenario", "median and range of seeds", {}, true, {}};
  Panel late{"not served within 200 ms", "scenario", "% of requests", {}, false, {}};
  ratios.categories = late.categories = r.asked.scenarios;
  for (std::size_t p = 0; p < r.policies.size(); ++p) {
    Series ratio{r.policies[p], {}, {}};
    Series share{r.policies[p], {}, {}};
    for (std::size_t s = 0; s < r.runs.size(); ++s) {
      const auto at = static_cast<double>(s);
      const Spread of_jsq = r.ratio(s, p, "jsq");
      ratio.points.emplace_back(at, of_jsq.median);
      ratio.ranges.emplace_back(of_jsq.low, of_jsq.high);
      const auto within =
          spread_of(r.runs[s][p], [](const RunResult& run) { return run.within_200ms; });
      share.points.emplace_back(at, 100 * (1 - within.median));
      share.ranges.emplace_back(100 * (1 - within.high), 100 * (1 - within.low));
    }
    ratios.series.push_back(std::move(ratio));
    late.series.push_back(std::move(share));
  }
  return svg_document("Policies compared", {ratios, late});
}

}  // namespace fairlead::sim
