// SPDX-License-Identifier: BSD-3-Clause
// Stage 1: bytes to headers.
#include "dataplane/net/parse.hh"

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
    return true;
  }
  if (burst.parsed[i].tuple.family == 0) {
    drop(burst, i, reason);
    return true;
  }
  return false;
}

}  // namespace

void parse(WorkerContext&, Burst& burst) {
  prefetch_frames(burst);
  unsigned live = 0;
  for (unsigned i = 0; i < burst.count; ++i) {
    burst.verdict[i] = steer::Verdict::kForward;
    burst.vip[i] = nullptr;
    burst.member[i] = FL_NO_MEMBER;
    burst.chosen[i] = nullptr;
    const fl_reason reason =
        net::parse_packet({burst.data[i], burst.length[i]}, burst.packet_bytes[i], burst.parsed[i]);
    burst.reason[i] = reason;
    if (reason != FL_REASON_NONE && settle(burst, i, reason)) [[unlikely]]
      continue;
    burst.live[live++] = static_cast<std::uint8_t>(i);
  }
  burst.live_count = live;
}

}  // namespace fairlead::path
