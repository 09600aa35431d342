// SPDX-License-Identifier: BSD-3-Clause
// Running a comparison.
#include "control/sim/compare.hh"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "control/sim/simulation.hh"

namespace fairlead::sim {

namespace {

RunResult result_of(const Setup& setup, const Measures& m) {
  RunResult r;
  r.p50_ms = m.warm_latency.quantile(0.50) * 1e-6;
  r.p95_ms = m.warm_latency.quantile(0.95) * 1e-6;
  r.p99_ms = m.warm_latency.quantile(0.99) * 1e-6;
  r.p999_ms = m.warm_latency.quantile(0.999) * 1e-6;
  r.mean_ms = m.warm_latency.mean() * 1e-6;
  r.requests = static_cast<double>(m.warm_requests);
  r.rejected = static_cast<double>(m.warm_rejected);
  r.failed = static_cast<double>(m.warm_failed);
  r.within_200ms = m.warm_latency.share_within(200 * kMilli) *
                   static_cast<double>(m.warm_latency.count()) / std::max(1.0, r.requests);
  r.moved = m.updates == 0 ? 0 : m.slots_moved / static_cast<double>(m.updates);
  r.counts_bytes =
      static_cast<double>(m.exchange_bytes) / static_cast<double>(setup.duration) * 1e9;
  r.peak_load = m.load.peak;
  r.crowded_seconds = m.load.crowded_seconds;
  r.uncrowded_p95_ms = m.load.uncrowded.quantile(0.95) * 1e-6;
  return r;
}

struct Job {
  Setup setup;
  RunResult* into = nullptr;
};

void run_all(
    std::vector<Job>& jobs,
    std::uint32_t threads,
    const std::function<void(std::size_t, std::size_t)>& progress
) {
  std::atomic<std::size_t> next = 0;
  std::mutex telling;
  std::size_t done = 0;
  const auto work = [&] {
    for (;;) {
      const std::size_t mine = next.fetch_add(1);
      if (mine >= jobs.size()) return;
      *jobs[mine].into = result_of(jobs[mine].setup, Simulation(jobs[mine].setup).run());
      jobs[mine].setup = {};
      const std::lock_guard lock(telling);
      ++done;
      if (progress) progress(done, jobs.size());
    }
  };
  std::vector<std::thread> pool;
  for (std::uint32_t i = 1; i < threads; ++i) pool.emplace_back(work);
  work();
  for (std::thread& thread : pool) thread.join();
}

}  // namespace

Spread spread(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {median, values.front(), values.back()};
}

Spread ComparisonResult::ratio(std::size_t scenario, std::size_t policy, const std::string& of)
    const {
  const auto other =
      static_cast<std::size_t>(std::find(policies.begin(), policies.end(), of) - policies.begin());
  std::vector<double> values;
  for (std::size_t s = 0; s < runs[scenario][policy].size(); ++s)
    values.push_back(
        runs[scenario][policy][s].p99_ms / std::max(runs[scenario][other][s].p99_ms, 1e-9)
    );
  return spread(std::move(values));
}

base::Result<ComparisonResult> compare(
    const Comparison& comparison, const std::function<void(std::size_t, std::size_t)>& progress
) {
  ComparisonResult result{comparison, comparison.policies, {}};
  for (const char* always : {"wlc", "static", "jsq"})
    if (std::find(result.policies.begin(), result.policies.end(), always) == result.policies.end())
      result.policies.emplace_back(always);
  std::vector<PolicySpec> specs;
  for (const std::string& name : result.policies) {
    FL_ASSIGN(PolicySpec spec, make_policy(name));
    specs.push_back(std::move(spec));
  }
  std::vector<Job> jobs;
  result.runs.resize(comparison.scenarios.size());
  for (std::size_t s = 0; s < comparison.scenarios.size(); ++s) {
    result.runs[s].assign(specs.size(), std::vector<RunResult>(comparison.seeds));
    for (std::size_t p = 0; p < specs.size(); ++p)
      for (std::uint32_t i = 0; i < comparison.seeds; ++i) {
        ScenarioOptions options = comparison.options;
        options.name = comparison.scenarios[s];
        options.seed = comparison.first_seed + i;
        FL_ASSIGN(Setup setup, make_scenario(options));
        setup.policy = specs[p];
        jobs.push_back({std::move(setup), &result.runs[s][p][i]});
      }
  }
  run_all(jobs, std::max(1U, comparison.jobs), progress);
  return result;
}

}  // namespace fairlead::sim
