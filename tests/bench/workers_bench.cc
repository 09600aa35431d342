// SPDX-License-Identifier: BSD-3-Clause
// Two workers against one: each with its own flow table, page, buffers and generator, on a core of
// its own, at the same time. Nanoseconds per packet of all workers together, so a ratio of 0.5 is
// perfect. The same loops without a pipeline are measured too: what two cores share besides (memory
// bandwidth, a busy machine) shows there.
#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <thread>

#include <sched.h>

#include <benchmark/benchmark.h>

#include "tests/bench/pipeline_loop.hh"

namespace fairlead::bench {
namespace {

constexpr std::size_t kWindows = 500;
constexpr unsigned kWindowMs = 1;  // shorter than a time slice

/// Of the time-stamp counter, measured once.
std::uint64_t cycles_per_second() {
  static const std::uint64_t hz = [] {
    const auto clock = std::chrono::steady_clock::now;
    const auto from = clock();
    const std::uint64_t cycles = __rdtsc();
    while (clock() - from < std::chrono::milliseconds(50)) {
    }
    const std::uint64_t passed = __rdtsc() - cycles;
    return static_cast<std::uint64_t>(
        static_cast<double>(passed) / std::chrono::duration<double>(clock() - from).count()
    );
  }();
  return hz;
}

/// The core that a worker runs on: its number among those allowed to us.
void pin(unsigned worker) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  unsigned seen = 0;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || seen++ != worker) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    return;
  }
}

unsigned cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  return sched_getaffinity(0, sizeof allowed, &allowed) == 0
             ? static_cast<unsigned>(CPU_COUNT(&allowed))
             : 1;
}

/// Made by the worker that uses it, on its core; kept for the next repetition.
PipelineLoop& loop_for(unsigned worker, std::uint64_t flows) {
  static std::mutex mutex;
  static std::map<std::pair<unsigned, std::uint64_t>, std::unique_ptr<PipelineLoop>> made;
  {
    const std::lock_guard lock(mutex);
    if (const auto at = made.find({worker, flows}); at != made.end()) return *at->second;
  }
  auto loop = std::make_unique<PipelineLoop>(Traffic::kIpv4Ipip, flows);
  loop->establish(flows);
  const std::lock_guard lock(mutex);
  return *(made[{worker, flows}] = std::move(loop));
}

/// Packets of one worker by windows of the cycle counter, which all cores share.
using Windows = std::array<std::uint64_t, kWindows>;

void run_worker(
    unsigned worker, std::uint64_t flows, bool with_pipeline, std::barrier<>& start, Windows& done
) {
  pin(worker);
  PipelineLoop& loop = loop_for(worker, flows);
  Draw draw(flows);
  const std::uint64_t window = cycles_per_second() / 1000 * kWindowMs;
  start.arrive_and_wait();
  static std::atomic<std::uint64_t> begin;
  if (worker == 0) begin.store(__rdtsc());
  start.arrive_and_wait();
  for (std::uint64_t at = 0; at < kWindows; at = (__rdtsc() - begin.load()) / window) {
    loop.fill(0x10, draw);
    with_pipeline ? loop.run() : loop.run_nothing();
    benchmark::ClobberMemory();
    loop.advance();
    done[at] += PipelineLoop::kFrames;
  }
}

/// One iteration: all workers run for kWindows windows; what counts is the best window, in which
/// nobody else had any of their cores.
void forward(benchmark::State& state, unsigned workers, std::uint64_t flows, bool with_pipeline) {
  if (workers > cores()) {
    state.SkipWithError("fewer cores than workers");
    return;
  }
  for (auto _ : state) {
    std::vector<Windows> done(workers, Windows{});
    std::barrier start(workers);
    {
      std::vector<std::jthread> threads;
      for (unsigned w = 0; w < workers; ++w) {
        threads.emplace_back([&, w] { run_worker(w, flows, with_pipeline, start, done[w]); });
      }
    }
    std::uint64_t best = 0;
    for (std::size_t at = 1; at + 1 < kWindows; ++at) {  // the first and last are not whole
      std::uint64_t all = 0;
      for (const Windows& one : done) all += one[at];
      best = std::max(best, all);
    }
    state.SetIterationTime(kWindowMs / 1e3);
    state.SetItemsProcessed(static_cast<std::int64_t>(best));
  }
}

void register_workers(std::uint64_t flows, const std::string& name) {
  for (const bool with_pipeline : {true, false}) {
    const std::string kind = with_pipeline ? "workers/" : "empty_workers/";
    const std::string one = kind + "one_hit_" + name;
    const auto add = [=](const std::string& row, unsigned workers, const std::string& label) {
      benchmark::RegisterBenchmark(
          row.c_str(),
          [=](benchmark::State& state) {
            forward(state, workers, flows, with_pipeline);
            state.SetLabel(label);
          }
      )
          ->UseManualTime()
          ->Iterations(1);
    };
    add(one, 1, "");
    // The name that Google Benchmark makes of it.
    add(kind + "two_hit_" + name, 2, "floor: " + one + "/iterations:1/manual_time");
  }
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) {
  using namespace fairlead::bench;
  register_workers(10'000, "10k");
  register_workers(1'000'000, "1M");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
