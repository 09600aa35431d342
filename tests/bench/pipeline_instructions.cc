// SPDX-License-Identifier: BSD-3-Clause
// A fixed number of packets through the pipeline, for counting instructions under callgrind:
//   valgrind --tool=callgrind --collect-atstart=no --toggle-collect='*measured_burst*' PROGRAM
// with the arguments PATH (see kPaths) and PACKETS. Instructions per packet = collected / PACKETS.
// cost_test.py holds bounds of them.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/bench/pipeline_loop.hh"

namespace fairlead::bench {
namespace {

constexpr std::uint64_t kFlows = 1024;

struct Path {
  std::string_view name;
  Traffic traffic;
  bool new_flows = false;
};
constexpr Path kPaths[] = {
    {"ipv4_hit", Traffic::kIpv4Ipip},
    {"ipv6_hit", Traffic::kIpv6Ipip},
    {"gue_hit", Traffic::kIpv4Gue},
    {"new_flow", Traffic::kIpv4Ipip, true},
    {"no_vip", Traffic::kIpv4Kernel},
};

/// What --toggle-collect names: one run of the pipeline.
[[gnu::noinline]] void measured_burst(path::WorkerContext& context, path::Burst& burst) {
  path::run_pipeline(context, burst);
}

void run(const Path& path, std::uint64_t packets) {
  PipelineLoop loop(path.traffic, 1 << 16);
  loop.establish(kFlows);
  Draw draw(kFlows);
  std::uint64_t next = kFlows;
  for (std::uint64_t done = 0; done < packets; done += PipelineLoop::kFrames) {
    if (path.new_flows) {
      loop.complete_handshakes();
      loop.fill(0x02, [&] { return next++; });
    } else {
      loop.fill(0x10, draw);
    }
    loop.for_each_burst([&](path::Burst& burst) { measured_burst(loop.context(), burst); });
  }
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) {
  using namespace fairlead::bench;
  const std::string_view wanted = argc > 1 ? argv[1] : "";
  const unsigned long long packets = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  for (const Path& path : kPaths) {
    if (path.name != wanted || packets == 0) continue;
    run(path, packets);
    return 0;
  }
  std::fprintf(stderr, "usage: %s ipv4_hit|ipv6_hit|gue_hit|new_flow|no_vip PACKETS\n", argv[0]);
  return 2;
}
