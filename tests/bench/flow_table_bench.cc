// SPDX-License-Identifier: BSD-3-Clause
// Nanoseconds per flow lookup in bursts of 32, beside the least that memory allows: a prefetched
// read of one random line of an array of the same size.
#include <benchmark/benchmark.h>

#include "tests/bench/pipeline_loop.hh"

namespace fairlead::bench {
namespace {

constexpr unsigned kBurst = 32;

/// Number to hash, as good as a keyed one for placing entries.
std::uint64_t hash_of(std::uint64_t flow) {
  std::uint64_t h = (flow + 1) * 0x9e3779b97f4a7c15ULL;
  h = (h ^ h >> 32) * 0xd6e8feb86659fd93ULL;
  return h ^ h >> 32;
}

struct Filled {
  FlowRegion region;
  flow::FlowTable table;
};

/// Kept over repetitions, one per size.
Filled& table_of(std::uint64_t flows) {
  static std::vector<std::pair<std::uint64_t, std::unique_ptr<Filled>>> made;
  for (const auto& [size, filled] : made)
    if (size == flows) return *filled;
  made.emplace_back(flows, new Filled{FlowRegion(flows), {}});
  Filled& filled = *made.back().second;
  filled.table = filled.region.attach();
  const auto tcp = [](std::uint32_t) -> std::uint8_t { return 6; };
  for (std::uint64_t i = 0; i < flows; ++i)
    (void)filled.table.insert(hash_of(i), 1, flow::FlowState::kConfirmed, 1, {}, tcp);
  return filled;
}

void lookup(benchmark::State& state, std::uint64_t flows, const std::string& floor) {
  const Filled& filled = table_of(flows);
  Draw draw(flows);
  std::uint64_t hashes[kBurst];
  std::uint64_t sum = 0;
  for (auto _ : state) {
    for (auto& hash : hashes) {
      hash = hash_of(draw());
      filled.table.prefetch(hash);
    }
    for (const auto hash : hashes) sum += filled.table.member(filled.table.find(hash));
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * kBurst);
  state.SetLabel("floor: " + floor);
}

void random_read(benchmark::State& state, std::uint64_t flows) {
  const Filled& filled = table_of(flows);
  // The same lines, read as plain memory.
  const auto* lines = reinterpret_cast<const std::uint64_t*>(filled.region.lines());
  const std::uint64_t mask = filled.region.buckets() - 1;
  Draw draw(flows);
  std::uint64_t at[kBurst];
  std::uint64_t sum = 0;
  for (auto _ : state) {
    for (auto& line : at) {
      line = (hash_of(draw()) & mask) * 8;
      __builtin_prefetch(lines + line);
    }
    for (const auto line : at) sum += lines[line];
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * kBurst);
}

void register_size(std::uint64_t flows, const std::string& name) {
  const std::string floor = "random_line_read/" + name;
  benchmark::RegisterBenchmark(("flow_table/lookup_" + name).c_str(), [=](benchmark::State& state) {
    lookup(state, flows, floor);
  });
  benchmark::RegisterBenchmark(floor.c_str(), [=](benchmark::State& state) {
    random_read(state, flows);
  });
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) {
  using namespace fairlead::bench;
  register_size(10'000, "10k");
  register_size(1'000'000, "1M");
  register_size(10'000'000, "10M");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
