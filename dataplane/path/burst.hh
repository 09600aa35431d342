// SPDX-License-Identifier: BSD-3-Clause
// Up to 32 packets on their way through the stages, without any buffer type of a packet library.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/net/parse.hh"
#include "dataplane/net/plain.hh"
#include "dataplane/steer/abi.h"
#include "dataplane/steer/verdict.hh"

namespace fairlead::path {

inline constexpr unsigned kBurstPackets = 32;
static_assert(kBurstPackets == net::PlainPackets::kMost);

/// A burst, structure of arrays. The caller fills the first group and `count`, and asks the cache
/// for the frames' first lines; run_pipeline() fills the rest. Reused for every burst: it need not
/// be cleared. About 9 KiB, one per worker.
///
/// After run_pipeline(), for each i < count, by verdict[i]:
///   kForward  data[i], length[i], packet_bytes[i] describe the frame to send, in the same buffer:
///   data[i]
///             moved to the front by the outer headers (into the headroom), packet_bytes[i] is the
///             exact length of the new frame. Where the frame came with Ethernet padding it is
///             shorter than old length + outer headers: cut the tail. member[i], backend[i], vip[i]
///             are set.
///   kPunt     untouched; reason[i] says why the kernel should have it.
///   kDrop     untouched; reason[i] says why.
///   kWait     untouched; to be kept and run again (path/waiting_room.hh); member[i] is its place.
///   kAnswer   as kForward, but the frame is an answer of ours to who sent the packet; reason[i]
///             says what for.
struct Burst {
  unsigned count = 0;

  // --- filled by the caller ---
  std::array<std::uint8_t*, kBurstPackets> data;          // first Ethernet byte
  std::array<std::uint32_t, kBurstPackets> length;        // contiguous readable bytes there
  std::array<std::uint32_t, kBurstPackets> packet_bytes;  // whole frame, >= length
  std::array<std::uint32_t, kBurstPackets> headroom;      // writable bytes in front of data
  /// Not NONE: these packets have waited (kWait) and do not wait again; who still finds no first
  /// fragment is dropped for this reason.
  fl_reason last_call = FL_REASON_NONE;

  // --- results ---
  std::array<steer::Verdict, kBurstPackets> verdict;
  std::array<fl_reason, kBurstPackets> reason;
  std::array<const fl_vip*, kBurstPackets> vip;         // null: none
  std::array<std::uint32_t, kBurstPackets> member;      // FL_NO_MEMBER: none chosen
  std::array<std::uint32_t, kBurstPackets> backend;     // valid with member
  std::array<std::uint64_t, kBurstPackets> hash;        // valid with vip
  std::array<net::ParsedPacket, kBurstPackets> parsed;  // see parsed_packet()

  // --- between stages: indices of the packets a stage has to look at, in order of arrival ---
  std::array<std::uint8_t, kBurstPackets> live;  // forwarded so far
  unsigned live_count = 0;
  std::uint32_t missed = 0;     // bit i: not in the flow table
  std::uint32_t unknown = 0;    // bit i, of missed: stage 3 found no entry at all
  std::uint32_t beginning = 0;  // bit i, of unknown: the SYN of a flow, to a vip that tracks flows
  std::uint32_t fresh = 0;      // bit i, of beginning: plain, and not in live
  std::array<std::uint8_t, kBurstPackets> aside;  // fragments and ICMP errors
  unsigned aside_count = 0;
  std::array<std::uint8_t, kBurstPackets> answers;  // to be answered if it may be: reason says why
  unsigned answer_count = 0;
  std::uint32_t seeking = 0;  // bit i: its backend is a guess; GUE names others to ask
  std::array<bool, kBurstPackets> retried;             // missed: its last backend did not answer
  std::array<const fl_member*, kBurstPackets> chosen;  // record of member[i]; null: none

  // --- plain packets: they are not in `live` unless a stage puts them there (pipeline.hh) ---
  net::PlainPackets plain;
  struct OfVip {
    const fl_vip* vip;
    std::uint32_t packets;  // bit i
  };
  std::array<OfVip, kBurstPackets> plain_vips;  // each vip once
  unsigned plain_vip_count = 0;
  std::uint32_t kept = 0;   // bit i: of a known flow that it does not change
  std::uint32_t over6 = 0;  // bit i, of kept: its backend's address is IPv6
  alignas(32) std::array<std::uint32_t, kBurstPackets> outer4;  // of kept: backend's IPv4 address
};

/// What was parsed of packet i.
[[nodiscard]] inline net::ParsedPacket parsed_packet(const Burst& burst, unsigned i) {
  net::ParsedPacket out = burst.parsed[i];
  if ((burst.plain.any() >> i & 1U) != 0) net::describe(burst.plain, i, out);
  return out;
}

/// Packet i has no vip and no backend. Stages say it of the packets that stop before they get one,
/// so that nobody has to clear a whole burst first.
inline void forget(Burst& burst, unsigned i) {
  burst.vip[i] = nullptr;
  burst.member[i] = FL_NO_MEMBER;
  burst.chosen[i] = nullptr;
}
/// Packet i goes to this member, whose record is `member`.
inline void place(Burst& burst, unsigned i, std::uint32_t number, const fl_member& member) {
  burst.member[i] = number;
  burst.chosen[i] = &member;
  burst.backend[i] = member.backend;
  burst.outer4[i] = net::load32(member.address);
  if (member.family == 6) burst.over6 |= 1U << i;
}
/// A plain packet joins those that are handled one by one.
inline void handle_singly(Burst& burst, unsigned i) {
  net::describe(burst.plain, i, burst.parsed[i]);
  burst.live[burst.live_count++] = static_cast<std::uint8_t>(i);
}
/// What a stage does with a packet that it will not pass on.
inline void drop(Burst& burst, unsigned i, fl_reason reason) {
  burst.verdict[i] = steer::Verdict::kDrop;
  burst.reason[i] = reason;
}
inline void punt(Burst& burst, unsigned i, fl_reason reason) {
  burst.verdict[i] = steer::Verdict::kPunt;
  burst.reason[i] = reason;
}
/// Drops packet i with `reason`, unless stage answer can tell its sender.
inline void drop_and_tell(Burst& burst, unsigned i, fl_reason reason) {
  drop(burst, i, reason);
  burst.answers[burst.answer_count++] = static_cast<std::uint8_t>(i);
}

}  // namespace fairlead::path
