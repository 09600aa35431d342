// SPDX-License-Identifier: BSD-3-Clause
// Building tables: 65537 slots, 1000 backends, weights 1..100, against filling the array and
// against Maglev as it is usually written.
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "control/steering/keyed_hash.hh"
#include "control/steering/maglev.hh"
#include "control/steering/steering.hh"

namespace fairlead::steering {
namespace {

constexpr std::uint32_t kSize = 65537;

std::vector<MaglevBackend> pool_of(std::size_t count, std::uint32_t jitter = 0) {
  std::mt19937 random(1);
  std::mt19937 noise(2);
  std::vector<MaglevBackend> pool;
  for (std::size_t i = 0; i < count; ++i) {
    const auto weight = static_cast<std::uint32_t>(90 * (1 + random() % 100));
    const auto change = static_cast<std::uint32_t>(noise() % (2 * weight / 100 * jitter + 1));
    const std::uint32_t base = weight - weight / 100 * jitter;
    pool.push_back({keyed_hash({1, 2}, "backend-" + std::to_string(i)), base + change});
  }
  return pool;
}

/// The least that any builder does: write every slot once.
void fill_array(benchmark::State& state) {
  std::vector<std::uint32_t> slots(kSize);
  std::uint32_t owner = 0;
  for (auto _ : state) {
    for (std::uint32_t& s : slots) s = owner++;
    benchmark::DoNotOptimize(slots.data());
    benchmark::ClobberMemory();
  }
}

/// Maglev from the paper's pseudo code, a weight of w taking w turns in a row (as katran does):
/// probes the table itself, ends when it is full, so shares are not exact.
std::vector<std::uint32_t> build_naively(const std::vector<MaglevBackend>& pool) {
  std::vector<std::uint32_t> slots(kSize, kNobody);
  std::vector<std::uint64_t> next(pool.size(), 0);
  for (std::uint32_t filled = 0;;)
    for (std::uint32_t b = 0; b < pool.size(); ++b) {
      const std::uint64_t offset = (pool[b].identity >> 32) % kSize;
      const std::uint64_t skip = (pool[b].identity & 0xffffffff) % (kSize - 1) + 1;
      for (std::uint32_t turn = 0; turn < pool[b].weight / 90; ++turn) {
        std::uint64_t slot = (offset + next[b] * skip) % kSize;
        while (slots[slot] != kNobody) slot = (offset + ++next[b] * skip) % kSize;
        slots[slot] = b;
        ++next[b];
        if (++filled == kSize) return slots;
      }
    }
}

void maglev_naive(benchmark::State& state) {
  const auto pool = pool_of(1000);
  for (auto _ : state) benchmark::DoNotOptimize(build_naively(pool));
}

void maglev_build(benchmark::State& state) {
  const auto pool = pool_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(build_table(pool, {}, kSize));
  state.SetLabel(state.range(0) == 1000 ? "peer: maglev_naive" : "floor: fill_array");
}

/// Every weight changes by up to 1 %.
void maglev_update(benchmark::State& state) {
  const auto before = build_table(pool_of(1000), {}, kSize)->slots;
  const auto pool = pool_of(1000, 1);
  for (auto _ : state) benchmark::DoNotOptimize(build_table(pool, before, kSize));
  state.SetLabel("floor: fill_array");
}

/// A whole turn of control: 10 vips with 100 backends each, planned and encoded.
void plan_and_encode(benchmark::State& state) {
  std::vector<PoolIntent> pools(10);
  for (std::size_t v = 0; v < pools.size(); ++v) {
    pools[v].vip.name = "vip-" + std::to_string(v);
    pools[v].vip.prefix = {net::IpAddr::v4(203, 0, 113, static_cast<std::uint8_t>(v)), 32};
    pools[v].vip.port = 80;
    for (unsigned b = 0; b < 100; ++b) {
      model::Backend backend;
      backend.id = "backend-" + std::to_string(b);
      backend.address = net::IpAddr::v4(10, 0, 0, static_cast<std::uint8_t>(b));
      pools[v].vip.backends.push_back(backend);
      pools[v].backends.push_back({100 + b, 0, FL_MEMBER_ACTIVE});
    }
  }
  Steering steering;
  steering.commit(*steering.plan(pools, {}, 0));
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::vector<Line> bank(65536);
  for (auto _ : state) {
    pools[0].backends[0].weight = 100 + pools[0].backends[0].weight % 2;
    const Plan plan = *steering.plan(pools, {}, 0);
    const std::span<std::byte> bytes(bank[0].bytes, bank.size() * sizeof(Line));
    benchmark::DoNotOptimize(encode(plan, 1, 1, bytes));
  }
}

/// What a worker pays for a new generation: the proof of a bank with 10 vips.
void attach(benchmark::State& state) {
  std::vector<PoolIntent> pools(static_cast<std::size_t>(state.range(0)));
  for (std::size_t v = 0; v < pools.size(); ++v) {
    pools[v].vip.name = "vip-" + std::to_string(v);
    pools[v].vip.prefix = {net::IpAddr::v4(203, 0, 113, static_cast<std::uint8_t>(v)), 32};
    model::Backend backend;
    backend.id = "b1";
    pools[v].vip.backends.push_back(backend);
    pools[v].backends.push_back({100, 0, FL_MEMBER_ACTIVE});
  }
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::vector<Line> bank(65536);
  const std::span<std::byte> bytes(bank[0].bytes, bank.size() * sizeof(Line));
  benchmark::DoNotOptimize(encode(*Steering().plan(pools, {}, 0), 1, 1, bytes));
  for (auto _ : state)
    benchmark::DoNotOptimize(steer::TableView::attach(bytes.data(), bytes.size()));
}

BENCHMARK(fill_array)->Unit(benchmark::kMillisecond);
BENCHMARK(maglev_naive)->Unit(benchmark::kMillisecond);
BENCHMARK(maglev_build)->Arg(10)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK(maglev_update)->Unit(benchmark::kMillisecond);
BENCHMARK(plan_and_encode)->Unit(benchmark::kMillisecond);
BENCHMARK(attach)->Arg(1)->Arg(10)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace fairlead::steering

BENCHMARK_MAIN();
