// SPDX-License-Identifier: BSD-3-Clause
// A fixed number of packets through the pipeline, for counting instructions under callgrind:
//   valgrind --tool=callgrind --collect-atstart=no --toggle-collect='*measured_burst*' PROGRAM
// with the arguments PATH (ipv4_hit ipv6_hit gue_hit new_flow) and PACKETS. Instructions per packet
// = collected / PACKETS.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/bench/pipeline_loop.hh"

namespace fairlead::bench {
namespace {

constexpr std::uint64_t kFlows = 1024;

/// What --toggle-collect names: one burst.
[[gnu::noinline]] void measured_burst(PipelineLoop& loop) {
  loop.run();
}

int run(std::string_view path, std::uint64_t packets) {
  Traffic traffic = Traffic::kIpv4Ipip;
  if (path == "ipv6_hit") traffic = Traffic::kIpv6Ipip;
  if (path == "gue_hit") traffic = Traffic::kIpv4Gue;
  PipelineLoop loop(traffic, 1 << 16);
  loop.establish(kFlows);
  Draw draw(kFlows);
  std::uint64_t next = kFlows;
  for (std::uint64_t done = 0; done < packets; done += path::kBurstPackets) {
    if (path == "new_flow") {
      loop.complete_a_handshake();
      loop.fill(0x02, [&] { return next++; });
    } else {
      loop.fill(0x10, draw);
    }
    measured_burst(loop);
  }
  std::printf("%s: %llu packets\n", path.data(), static_cast<unsigned long long>(packets));
  return 0;
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) {
  const std::string_view path = argc > 1 ? argv[1] : "";
  const bool known =
      path == "ipv4_hit" || path == "ipv6_hit" || path == "gue_hit" || path == "new_flow";
  const unsigned long long packets = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  if (!known || packets == 0) {
    std::fprintf(stderr, "usage: %s ipv4_hit|ipv6_hit|gue_hit|new_flow PACKETS\n", argv[0]);
    return 2;
  }
  return fairlead::bench::run(path, packets);
}
