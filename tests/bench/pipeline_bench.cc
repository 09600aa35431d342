// SPDX-License-Identifier: BSD-3-Clause
// Nanoseconds per packet of the whole pipeline. Each figure has its floor beside it: the same loop,
// the same frames, an empty pipeline. What the pipeline costs is the difference.
#include <benchmark/benchmark.h>

#include "tests/bench/naive_balancer.hh"
#include "tests/bench/pipeline_loop.hh"

namespace fairlead::bench {
namespace {

const char* name_of(Traffic traffic) {
  switch (traffic) {
    case Traffic::kIpv4Ipip:
      return "ipv4_ipip";
    case Traffic::kIpv6Ipip:
      return "ipv6_ipip";
    case Traffic::kIpv4Gue:
      return "ipv4_gue";
    case Traffic::kIpv4Kernel:
      return "ipv4_kernel";
  }
  return "";
}

/// What a loop is made for.
struct Loop {
  Traffic traffic;
  std::uint64_t flows;
  PageSize pages = PageSize::kHuge;
  bool operator==(const Loop&) const = default;
};

/// Large loops are made once and kept: establishing 10 million flows takes seconds.
PipelineLoop& loop_for(const Loop& wanted) {
  static std::vector<std::pair<Loop, std::unique_ptr<PipelineLoop>>> made;
  for (const auto& [loop, it] : made)
    if (loop == wanted) return *it;
  made.emplace_back(
      wanted, std::make_unique<PipelineLoop>(wanted.traffic, wanted.flows, 2, wanted.pages)
  );
  made.back().second->establish(wanted.flows);
  return *made.back().second;
}

enum class Work { kNone, kPipeline, kOneByOne };

void hit(benchmark::State& state, const Loop& wanted, Work work) {
  PipelineLoop& loop = loop_for(wanted);
  Draw draw(wanted.flows);
  for (auto _ : state) {
    loop.fill(0x10, draw);
    if (work == Work::kNone) loop.run_nothing();
    if (work == Work::kPipeline) loop.run();
    if (work == Work::kOneByOne) loop.run_carefully();
    benchmark::ClobberMemory();
    loop.advance();
  }
  state.SetItemsProcessed(state.iterations() * PipelineLoop::kFrames);
  if (work != Work::kNone && loop.context().page->flow_misses > 2 * wanted.flows)
    state.SkipWithError("flows were forgotten: this does not measure hits");
}

/// Every packet begins a flow; a million of them a second of the loop's own time, so that entries
/// expire and are reused as they would be.
template <std::uint8_t choices>
void new_flow(benchmark::State& state, bool with_pipeline) {
  static PipelineLoop loop(Traffic::kIpv4Ipip, 10'000'000, choices);
  static std::uint64_t next = 0;
  const auto burst = [&](bool run) {
    loop.complete_handshakes();
    loop.fill(0x02, [] { return next++ & 0xfffffff; });
    run ? loop.run() : loop.run_nothing();
    loop.advance(PipelineLoop::kFrames * base::kMicrosecond);
  };
  // Until as many entries expire as begin: time-out and one turn of the expiry hand.
  while (next < 8'000'000) burst(true);
  for (auto _ : state) {
    burst(with_pipeline);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * PipelineLoop::kFrames);
}

constexpr std::uint32_t kBackends = 100;

/// The same frames through the balancer that anyone would write first.
void naive_hit(benchmark::State& state, std::uint64_t flows) {
  static std::vector<std::pair<std::uint64_t, std::unique_ptr<NaiveBalancer>>> made;
  PipelineLoop& loop = loop_for({Traffic::kIpv4Ipip, flows});
  NaiveBalancer* balancer = nullptr;
  for (const auto& [size, known] : made)
    if (size == flows) balancer = known.get();
  if (balancer == nullptr) {
    balancer = made.emplace_back(flows, std::make_unique<NaiveBalancer>(kBackends)).second.get();
    for (std::uint64_t next = 0; next < flows + PipelineLoop::kBuffers;) {
      loop.fill(0x10, [&] { return next++ % flows; });
      loop.for_each_burst([&](path::Burst& burst) { balancer->run(burst); });
    }
  }
  Draw draw(flows);
  for (auto _ : state) {
    loop.fill(0x10, draw);
    loop.for_each_burst([&](path::Burst& burst) { balancer->run(burst); });
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * PipelineLoop::kFrames);
}

/// It never forgets a flow, so every repetition begins with an empty map, outside the time taken.
void naive_new_flow(benchmark::State& state) {
  static PipelineLoop loop(Traffic::kIpv4Ipip, 10'000);
  static NaiveBalancer balancer(kBackends);
  balancer.forget_all();
  std::uint64_t next = 0;
  for (auto _ : state) {
    loop.fill(0x02, [&] { return next++ & 0xfffffff; });
    loop.for_each_burst([&](path::Burst& burst) { balancer.run(burst); });
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * PipelineLoop::kFrames);
}

void register_naive_hit(std::uint64_t flows, const std::string& name) {
  benchmark::RegisterBenchmark(("naive/ipv4_ipip_hit_" + name).c_str(), [=](benchmark::State& s) {
    naive_hit(s, flows);
    s.SetLabel("peer: pipeline/ipv4_ipip_hit_" + name);
  });
}

void register_work(const std::string& name, const Loop& loop, Work work, const std::string& label) {
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    hit(state, loop, work);
    if (work != Work::kNone) state.SetLabel(label);
  });
}

void register_hit(const Loop& loop, const std::string& flows_name) {
  const std::string base = std::string(name_of(loop.traffic)) + "_hit_" + flows_name;
  const std::string floor = "floor: empty_loop/" + base;
  register_work("pipeline/" + base, loop, Work::kPipeline, floor);
  // What handling eight at a time is worth: the same packets, each by itself.
  if (loop.pages == PageSize::kHuge)
    register_work("one_by_one/" + base, loop, Work::kOneByOne, floor);
  register_work("empty_loop/" + base, loop, Work::kNone, floor);
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) {
  using namespace fairlead::bench;
  register_hit({Traffic::kIpv4Ipip, 10'000}, "10k");
  register_hit({Traffic::kIpv4Ipip, 1'000'000}, "1M");
  register_hit({Traffic::kIpv4Ipip, 10'000'000}, "10M");
  // As flow tables lie in /run and in BPF maps.
  register_hit({Traffic::kIpv4Ipip, 1'000'000, PageSize::k4KiB}, "1M_small_pages");
  register_hit({Traffic::kIpv4Ipip, 10'000'000, PageSize::k4KiB}, "10M_small_pages");
  register_hit({Traffic::kIpv6Ipip, 10'000}, "10k");
  register_hit({Traffic::kIpv4Gue, 10'000}, "10k");
  benchmark::RegisterBenchmark("pipeline/ipv4_ipip_new_flow", [](benchmark::State& state) {
    new_flow<2>(state, true);
    state.SetLabel("floor: empty_loop/ipv4_ipip_new_flow");
  });
  benchmark::RegisterBenchmark("pipeline/ipv4_ipip_new_flow_of_3", [](benchmark::State& state) {
    new_flow<3>(state, true);
    state.SetLabel("floor: empty_loop/ipv4_ipip_new_flow");
  });
  benchmark::RegisterBenchmark("empty_loop/ipv4_ipip_new_flow", [](benchmark::State& state) {
    new_flow<2>(state, false);
  });
  register_naive_hit(10'000, "10k");
  register_naive_hit(1'000'000, "1M");
  benchmark::RegisterBenchmark("naive/ipv4_ipip_new_flow", [](benchmark::State& state) {
    naive_new_flow(state);
    state.SetLabel("peer: pipeline/ipv4_ipip_new_flow");
  });
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
