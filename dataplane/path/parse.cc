// SPDX-License-Identifier: BSD-3-Clause
// Stage 1: bytes to headers.
#include "dataplane/net/parse_plain.hh"
#include "dataplane/path/pipeline.hh"

namespace fairlead::path {
namespace {

constexpr unsigned kLineBytes = 64;

/// The frame's first line for parsing, and the line before it, where the outer header will go.
void prefetch_frames(const Burst& burst) {
  for (unsigned i = 0; i < burst.count; ++i) {
    __builtin_prefetch(burst.data[i], 1, 3);
    __builtin_prefetch(burst.data[i] - kLineBytes, 1, 3);
  }
}

/// For the kernel, or not readable at all: settled here. Other reasons concern us only if the
/// destination is a vip, which classify() finds out.
bool settle(Burst& burst, unsigned i, fl_reason reason) {
  if (reason == FL_REASON_NOT_IP || reason == FL_REASON_ICMP) {
    punt(burst, i, reason);
    forget(burst, i);
    return true;
  }
  if (burst.parsed[i].tuple.family == 0) {
    drop(burst, i, reason);
    forget(burst, i);
    return true;
  }
  return false;
}

/// Everything that is not plain. True if packet i goes on.
[[gnu::noinline]] bool parse_carefully(Burst& burst, unsigned i) {
  const fl_reason reason =
      net::parse_packet({burst.data[i], burst.length[i]}, burst.packet_bytes[i], burst.parsed[i]);
  burst.reason[i] = reason;
  return reason == FL_REASON_NONE || !settle(burst, i, reason);
}

}  // namespace

void parse(WorkerContext&, Burst& burst) {
  prefetch_frames(burst);
  // All 32, so that the books can look at them at once.
  burst.verdict.fill(steer::Verdict::kForward);
  unsigned live = 0;
  for (unsigned i = 0; i < burst.count; ++i) {
    burst.reason[i] = FL_REASON_NONE;
    const bool goes_on =
        net::parse_plain(burst.data[i], burst.length[i], burst.packet_bytes[i], burst.parsed[i]) ||
        parse_carefully(burst, i);
    burst.live[live] = static_cast<std::uint8_t>(i);
    live += goes_on ? 1 : 0;
  }
  burst.live_count = live;
}

}  // namespace fairlead::path
