// SPDX-License-Identifier: BSD-3-Clause
// Nanoseconds per flow lookup in bursts of 32, beside the least that memory allows: a prefetched
// read of one random line of an array of the same size.
#include <algorithm>

#include <benchmark/benchmark.h>

#include "tests/bench/pipeline_loop.hh"
#include "tests/bench/rte_hash_peer.hh"

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
    // As stage 3 does it: most packets are of confirmed flows; the others are looked for one by
    // one.
    flow::FlowTable::ConfirmedFlows flows_of;
    std::uint32_t found = filled.table.find_confirmed(hashes, kBurst, flows_of);
    found |= filled.table.find_elsewhere(hashes, flows_of.elsewhere, flows_of);
    for (const std::uint32_t word : flows_of.word) sum += word & FL_FLOW_MEMBER_MASK;
    for (std::uint32_t rest = ~found; rest != 0; rest &= rest - 1) {
      const auto i = static_cast<unsigned>(__builtin_ctz(rest));
      sum += filled.table.member(filled.table.find(hashes[i])) -
             (flows_of.word[i] & FL_FLOW_MEMBER_MASK);
    }
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

/// The same flows in DPDK's rte_hash, keys of 16 bytes, hashes given.
void rte_hash_lookup(benchmark::State& state, std::uint64_t flows, const std::string& peer) {
  static std::vector<std::unique_ptr<RteHashPeer>> made;
  const auto known =
      std::find_if(made.begin(), made.end(), [&](const auto& p) { return p->flows() == flows; });
  const bool fresh = known == made.end();
  const RteHashPeer& table =
      fresh ? *made.emplace_back(std::make_unique<RteHashPeer>(flows, hash_of)) : **known;
  if (!table.whole()) return state.SkipWithError("rte_hash could not hold the flows");
  Draw draw(flows);
  std::uint64_t numbers[kBurst];
  std::uint64_t sum = 0;
  for (auto _ : state) {
    for (auto& number : numbers) number = draw();
    sum += table.lookup(numbers, kBurst);
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * kBurst);
  state.SetLabel("peer: " + peer);
}

constexpr auto kTcp = [](std::uint32_t) -> std::uint8_t { return 6; };

/// Share of inserts refused while confirmed flows fill 128 MiB to `percent`, in parts per million;
/// with `churn`, while as many flows again come and go at that load.
void refused(benchmark::State& state, unsigned percent, bool churn) {
  FlowRegion region(10'000'000);
  double ppm = 0;
  for (auto _ : state) {
    flow::FlowTable table = region.attach();
    table.erase_if(0, table.bucket_count(), [](std::uint32_t, flow::FlowState) { return true; });
    const std::uint64_t flows = table.capacity() * percent / 100;
    std::uint64_t tried = 0;
    std::uint64_t failed = 0;
    const auto insert = [&](std::uint64_t flow) {
      const auto outcome =
          table.insert(hash_of(flow), 1, flow::FlowState::kConfirmed, 1, {}, kTcp).outcome;
      ++tried;
      failed += outcome == flow::FlowTable::Outcome::kRefused ? 1 : 0;
    };
    for (std::uint64_t i = 0; i < flows; ++i) insert(i);
    if (churn) {
      tried = failed = 0;
      // The oldest goes, a new one comes.
      for (std::uint64_t i = 0; i < flows; ++i) {
        const flow::Position at = table.find(hash_of(i));
        if (at != flow::kNoPosition) table.erase(at);
        insert(flows + i);
      }
    }
    ppm = 1e6 * static_cast<double>(failed) / static_cast<double>(tried);
  }
  state.counters["value_ppm"] = ppm;
}

/// What a table for 10 million flows takes.
void memory(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(flow::FlowTable::buckets_for(10'000'000));
  const auto bytes = flow::FlowTable::buckets_for(10'000'000) * FL_LINE_BYTES;
  state.counters["value_MiB"] = static_cast<double>(bytes) / (1 << 20);
}

void register_refused(unsigned percent) {
  const std::string at = std::to_string(percent) + "_percent";
  benchmark::RegisterBenchmark(("flow_table/refused_at_" + at).c_str(), [=](benchmark::State& s) {
    refused(s, percent, false);
  })->Iterations(1);
  benchmark::RegisterBenchmark(
      ("flow_table/refused_in_churn_at_" + at).c_str(),
      [=](benchmark::State& s) { refused(s, percent, true); }
  )->Iterations(1);
}

void register_size(std::uint64_t flows, const std::string& name) {
  const std::string floor = "random_line_read/" + name;
  benchmark::RegisterBenchmark(("flow_table/lookup_" + name).c_str(), [=](benchmark::State& state) {
    lookup(state, flows, floor);
  });
  benchmark::RegisterBenchmark(floor.c_str(), [=](benchmark::State& state) {
    random_read(state, flows);
  });
  const std::string ours = "flow_table/lookup_" + name;
  benchmark::RegisterBenchmark(("rte_hash/lookup_" + name).c_str(), [=](benchmark::State& state) {
    rte_hash_lookup(state, flows, ours);
  });
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) {
  using namespace fairlead::bench;
  register_size(10'000, "10k");
  register_size(1'000'000, "1M");
  register_size(10'000'000, "10M");
  benchmark::RegisterBenchmark("flow_table/memory_10M", memory);
  for (const unsigned percent : {75U, 80U, 85U, 90U}) register_refused(percent);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
