// SPDX-License-Identifier: BSD-3-Clause
// Nanoseconds per packet of each stage: the median over bursts of what the time-stamp counter says
// around it. The counter's own reading is subtracted. Arguments: PATH (ipv4_hit ipv6_hit gue_hit
// new_flow), default ipv4_hit, and FLOWS, default 10000.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string_view>
#include <vector>
#include <x86intrin.h>

#include "tests/bench/pipeline_loop.hh"

namespace fairlead::bench {
namespace {

using path::Burst;
using path::WorkerContext;

struct Stage {
  const char* name;
  void (*run)(WorkerContext&, Burst&);
};
constexpr Stage kStages[] = {
    {"parse", [](WorkerContext& c, Burst& b) { path::parse(c, b, path::Parsing::kPlainFirst); }},
    {"classify_plain", path::classify_plain},
    {"classify", path::classify},
    {"maintain", [](WorkerContext& c, Burst&) { path::maintain(c); }},
    {"lookup_plain", path::flow_lookup_plain},
    {"flow_lookup", path::flow_lookup},
    {"select", path::select},
    {"encap_plain", path::encap_plain},
    {"encap", path::encap},
};
constexpr std::size_t kStageCount = std::size(kStages);
constexpr unsigned kFills = 10000;

std::uint64_t ticks() {
  _mm_lfence();
  const std::uint64_t now = __rdtsc();
  _mm_lfence();
  return now;
}

double ticks_per_ns() {
  const auto begin = std::chrono::steady_clock::now();
  const std::uint64_t first = ticks();
  while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(50)) continue;
  const std::uint64_t last = ticks();
  const std::chrono::duration<double, std::nano> passed = std::chrono::steady_clock::now() - begin;
  return static_cast<double>(last - first) / passed.count();
}

double median(std::vector<std::uint64_t>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return static_cast<double>(*middle);
}

void measure(std::string_view path, std::uint64_t flows) {
  Traffic traffic = Traffic::kIpv4Ipip;
  if (path == "ipv6_hit") traffic = Traffic::kIpv6Ipip;
  if (path == "gue_hit") traffic = Traffic::kIpv4Gue;
  const bool new_flows = path == "new_flow";
  PipelineLoop loop(traffic, new_flows ? 10'000'000 : flows);
  if (!new_flows) loop.establish(flows);
  Draw draw(flows);
  std::uint64_t next = 0;
  std::array<std::vector<std::uint64_t>, kStageCount + 1> spent;  // the last: nothing
  // New flows: first until as many entries expire as begin.
  const unsigned unmeasured = new_flows ? 62'500 : 0;
  for (unsigned fill = 0; fill < unmeasured + kFills; ++fill) {
    if (new_flows) {
      loop.complete_handshakes();
      loop.fill(0x02, [&] { return next++ & 0xfffffff; });
    } else {
      loop.fill(0x10, draw);
    }
    loop.for_each_burst([&](Burst& those) {
      std::uint64_t before = ticks();
      for (std::size_t stage = 0; stage <= kStageCount; ++stage) {
        if (stage < kStageCount) kStages[stage].run(loop.context(), those);
        const std::uint64_t after = ticks();
        if (fill >= unmeasured) spent[stage].push_back(after - before);
        before = after;
      }
      loop.advance(path::kBurstPackets * (new_flows ? base::kMicrosecond : 31));
    });
  }
  const double clock = median(spent.back());
  const double scale = 1 / ticks_per_ns() / path::kBurstPackets;
  double sum = 0;
  for (std::size_t stage = 0; stage < kStageCount; ++stage) {
    const double ns = (median(spent[stage]) - clock) * scale;
    std::printf("%-14s %6.2f ns/packet\n", kStages[stage].name, ns);
    sum += ns;
  }
  std::printf("%-14s %6.2f ns/packet\n", "sum", sum);
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) {
  fairlead::bench::measure(
      argc > 1 ? argv[1] : "ipv4_hit", argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 10'000
  );
}
