// SPDX-License-Identifier: BSD-3-Clause
// A flood of SYNs from forged sources, at full speed, over a million confirmed flows: what a packet
// of those costs while it lasts, and that none of them is lost.
//
// Bursts take turns: one of packets of confirmed flows, which is timed, and one of SYNs of flows
// drawn from 2^28, which is not. So the timed bursts find caches, branch predictors and flow table
// as the flood leaves them. The undisturbed loop is the same without the SYNs. Times are of the
// pipeline alone: making the frames is outside.
#include <chrono>
#include <x86intrin.h>

#include <benchmark/benchmark.h>

#include "tests/bench/pipeline_loop.hh"

namespace fairlead::bench {
namespace {

constexpr std::uint64_t kFlows = 1'000'000;

enum class Flood {
  kNone,
  kAboveLimit,  // the default limit of new flows: flood mode, nothing is entered
  kUnlimited,   // every SYN is entered: the table is full of half-open flows
};

double seconds_per_cycle() {
  static const double value = [] {
    const auto begin = std::chrono::steady_clock::now();
    const std::uint64_t cycles = __rdtsc();
    while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(50)) {
    }
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    return time.count() / static_cast<double>(__rdtsc() - cycles);
  }();
  return value;
}

/// Flow numbers that are none of the confirmed: random, as an attacker's sources are.
class Attacker {
 public:
  std::uint64_t operator()() { return kFlows + draw_(); }

 private:
  Draw draw_{(std::uint64_t{1} << 28) - kFlows};
};

PipelineLoop& loop_for(Flood flood) {
  static std::unique_ptr<PipelineLoop> loops[3];
  auto& loop = loops[static_cast<int>(flood)];
  if (loop) return *loop;
  loop = std::make_unique<PipelineLoop>(Traffic::kIpv4Ipip, kFlows);
  loop->establish(kFlows);
  if (flood == Flood::kAboveLimit) loop->limit_new_flows(500'000);
  return *loop;
}

std::uint64_t confirmed(const PipelineLoop& loop) {
  std::uint64_t count = 0;
  flow::FlowTable table = loop.flows();
  table.for_each([&](std::uint32_t, flow::FlowState state, flow::Tick) {
    count += state == flow::FlowState::kConfirmed ? 1 : 0;
  });
  return count;
}

void hits_during(benchmark::State& state, Flood flood) {
  PipelineLoop& loop = loop_for(flood);
  const double cycle = seconds_per_cycle();
  Draw draw(kFlows);
  static Attacker attacker;
  const auto syns = [&] {
    loop.fill(0x02, attacker);
    loop.run();
    loop.advance(PipelineLoop::kFrames * 100);  // 10 million a second
  };
  const std::uint64_t before = confirmed(loop);
  // Until the flood is what it will be: mode switched, or the table full.
  for (unsigned i = 0; flood != Flood::kNone && i < 50'000; ++i) syns();
  for (auto _ : state) {
    if (flood != Flood::kNone) syns();
    loop.fill(0x10, draw);
    const std::uint64_t begin = __rdtsc();
    loop.run_nothing();
    const std::uint64_t between = __rdtsc();
    loop.run();
    const std::uint64_t nothing = between - begin;
    const std::uint64_t all = __rdtsc() - between;
    loop.advance(PipelineLoop::kFrames * 100);
    state.SetIterationTime(static_cast<double>(all > nothing ? all - nothing : 0) * cycle);
  }
  state.SetItemsProcessed(state.iterations() * PipelineLoop::kFrames);
  const std::uint64_t lost = before - confirmed(loop);
  if (lost != 0) state.SkipWithError((std::to_string(lost) + " confirmed flows were lost").c_str());
  if (flood != Flood::kNone) state.SetLabel("floor: flood/hits_undisturbed");
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) {
  using namespace fairlead::bench;
  const auto add = [](const char* name, Flood flood) {
    benchmark::RegisterBenchmark(name, [flood](benchmark::State& state) {
      hits_during(state, flood);
    })->UseManualTime();
  };
  add("flood/hits_undisturbed", Flood::kNone);
  add("flood/hits_above_limit", Flood::kAboveLimit);
  add("flood/hits_without_limit", Flood::kUnlimited);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
