// SPDX-License-Identifier: BSD-3-Clause
// What a packet costs in the gate, in the kernel, with XDP_TX beside it: ACKs of known flows, one
// flow or a million in a table of 16 MiB, and what goes the long way.
#include <cstdio>
#include <map>
#include <optional>
#include <string>

#include <unistd.h>

#include <benchmark/benchmark.h>

#include "tests/bench/restored_run.hh"
#include "tests/packet/packet_case.hh"
#include "tests/testing/gate_world.hh"

namespace fairlead::testing {
namespace {

constexpr std::uint32_t kMany = 1 << 20;
constexpr std::uint64_t kBuckets = 1 << 18;   // 16 MiB, half full
constexpr std::uint32_t kRuns = 1 << 18;      // in one iteration
constexpr std::uint32_t kFirst = 0x0b000001;  // 11.0.0.1
constexpr std::size_t kFlags = 47;            // of TCP, in the frame

struct Bench {
  GateWorld gate{kBuckets};
  RestoredRun run;
  std::string now;  // whose flows are in the table
};
Bench& bench() {
  static Bench one;
  return one;
}

/// A million confirmed flows of the vip. `ttl`: of the outer header; not the usual one: all
/// packets go the long way.
void enter_flows(const char* vip, std::uint8_t ttl) {
  Bench& b = bench();
  const std::string key = vip + std::to_string(ttl);
  const Frame frame = packet().ipv4("11.0.0.1", vip).tcp(40000, 80, "A").payload(20);
  b.run.set_frame(frame, kFirst);
  if (b.now == key) return;
  b.now = key;
  packet_table::World world;
  world.outer.ttl = ttl;
  b.gate.reset();
  b.gate.use(packet_table::world_table(world));
  for (const std::uint8_t flags : {std::uint8_t{0x02}, std::uint8_t{0x10}}) {
    b.run.set_byte(kFlags, flags);
    b.run(b.gate.program(), kMany, kMany, XDP_TX);
  }
}

void measure(benchmark::State& state, int program, std::uint32_t flows) {
  for (auto _ : state)
    state.SetIterationTime(bench().run(program, flows, kRuns, XDP_TX) * kRuns / 1e9);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * kRuns);
}

void floor_of_gate(benchmark::State& state) {
  enter_flows(packet_table::kIpip4, 64);
  measure(state, bench().run.send_back(), 1);
}

void gate(benchmark::State& state, const char* vip, std::uint32_t flows, std::uint8_t ttl) {
  enter_flows(vip, ttl);
  measure(state, bench().gate.program(), flows);
  state.SetLabel("floor: gate/xdp_tx/manual_time");
}

void add(const std::string& name, const char* vip, std::uint8_t ttl) {
  for (const std::uint32_t flows : {1U, kMany})
    benchmark::RegisterBenchmark(
        ("gate/" + name + (flows == 1 ? "/1_flow" : "/1M_flows")).c_str(), gate, vip, flows, ttl
    )
        ->UseManualTime();
}

}  // namespace
}  // namespace fairlead::testing

int main(int argc, char** argv) {
  using namespace fairlead;
  if (::geteuid() != 0) {
    std::fprintf(stderr, "gate_bench: loading BPF programs needs root; nothing measured\n");
    return 0;
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RegisterBenchmark("gate/xdp_tx", testing::floor_of_gate)->UseManualTime();
  testing::add("ipip", packet_table::kIpip4, 64);
  testing::add("gue", packet_table::kGue4, 64);
  testing::add("ipip_long_way", packet_table::kIpip4, 63);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
