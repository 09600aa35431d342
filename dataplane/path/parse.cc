// SPDX-License-Identifier: BSD-3-Clause
// Stage 1: bytes to headers.
#include "dataplane/net/plain.hh"
#include "dataplane/path/pipeline.hh"

namespace fairlead::path {
namespace {

constexpr unsigned kLineBytes = 64;

/// The line before the frame's first, where the outer header will go. (The first line itself the
/// caller has asked for: it knows the frames earlier.)
void prefetch_headroom(const Burst& burst) {
  for (unsigned i = 0; i < burst.count; ++i) __builtin_prefetch(burst.data[i] - kLineBytes, 1, 3);
}

bool asks_for_echo(const Burst& burst, unsigned i) {
  const unsigned l3 = burst.parsed[i].l3_offset;
  return burst.length[i] > l3 && net::is_echo_request(burst.data[i] + l3, burst.length[i] - l3);
}

/// For the kernel, or not readable at all: settled here. Other reasons concern us only if the
/// destination is a vip, which classify() finds out.
bool settle(Burst& burst, unsigned i, fl_reason reason) {
  if (reason == FL_REASON_ICMP && asks_for_echo(burst, i)) {
    burst.reason[i] = FL_REASON_ECHO;
    return false;
  }
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

/// Everything that is not plain. True if packet i goes on to classify(); fragments and ICMP errors
/// go to aside().
[[gnu::noinline]] bool parse_carefully(Burst& burst, unsigned i) {
  const fl_reason reason =
      net::parse_packet({burst.data[i], burst.length[i]}, burst.packet_bytes[i], burst.parsed[i]);
  burst.reason[i] = reason;
  if (reason != FL_REASON_NONE) return !settle(burst, i, reason);
  if (burst.parsed[i].kind == net::PacketKind::kFlow) return true;
  burst.aside[burst.aside_count++] = static_cast<std::uint8_t>(i);
  forget(burst, i);
  return false;
}

/// Eight at a time.
void parse_plain(Burst& burst, std::uint32_t present) {
  for (unsigned at = 0; at < burst.count; at += net::kLanes)
    net::parse_plain(
        &burst.data[at],
        &burst.length[at],
        &burst.packet_bytes[at],
        present >> at & 0xffU,
        at,
        burst.plain
    );
}

}  // namespace

void parse(WorkerContext&, Burst& burst, Parsing parsing) {
  prefetch_headroom(burst);
  // All 32, so that the books can look at them at once.
  burst.verdict.fill(steer::Verdict::kForward);
  burst.reason.fill(FL_REASON_NONE);
  burst.plain.v4 = burst.plain.v6 = 0;
  burst.answer_count = 0;
  burst.seeking = 0;
  burst.aside_count = 0;
  const auto present = static_cast<std::uint32_t>((std::uint64_t{1} << burst.count) - 1);
  if (parsing == Parsing::kPlainFirst) parse_plain(burst, present);
  burst.live_count = 0;
  for (std::uint32_t rest = present & ~burst.plain.any(); rest != 0; rest &= rest - 1) {
    const auto i = static_cast<unsigned>(__builtin_ctz(rest));
    burst.live[burst.live_count] = static_cast<std::uint8_t>(i);
    burst.live_count += parse_carefully(burst, i) ? 1 : 0;
  }
}

}  // namespace fairlead::path
