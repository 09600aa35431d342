// SPDX-License-Identifier: BSD-3-Clause
// The list.
#include "tests/packet/gate_differences.hh"

#include <algorithm>
#include <set>

namespace fairlead::packet_table {
namespace {

std::set<std::string> sentences(const std::vector<PacketCase>& rows) {
  std::set<std::string> out;
  for (const PacketCase& row : rows) out.insert(row.says);
  return out;
}

bool is_unreadable(const PacketCase& row) {
  switch (row.reason) {
    case FL_REASON_TRUNCATED_ETHERNET:
    case FL_REASON_TRUNCATED_IP:
    case FL_REASON_BAD_IP_VERSION:
    case FL_REASON_BAD_IP_HEADER:
    case FL_REASON_BAD_IP_CHECKSUM:
      return true;
    default:
      return false;
  }
}

/// An IPv4 fragment, or an IPv6 packet whose first extension header is Fragment; untagged.
bool begins_as_fragment(const Frame& frame) {
  if (frame.size() < 34) return false;
  const bool v4 = frame[12] == 0x08 && frame[13] == 0x00;
  const bool v6 = frame[12] == 0x86 && frame[13] == 0xdd;
  return (v4 && ((frame[20] & 0x3f) | frame[21]) != 0) || (v6 && frame[20] == 44);
}

bool is_about_fragments(const PacketCase& row) {
  static const auto of_subject = sentences(fragment_cases());
  return of_subject.contains(row.says) || begins_as_fragment(row.in) ||
         row.reason == FL_REASON_FRAGMENT || row.reason == FL_REASON_BAD_FRAGMENT;
}

bool is_about_quic(const PacketCase& row) {
  static const auto of_subject = sentences(quic_cases());
  return of_subject.contains(row.says);
}

bool is_about_answers(const PacketCase& row) {
  static const auto too_big = sentences(answer_cases());
  static const auto echoes = sentences(echo_request_cases());
  return too_big.contains(row.says) || echoes.contains(row.says);
}

bool lacks_room(const PacketCase& row) {
  return row.world.headroom < 128;
}

}  // namespace

const std::vector<GateDifference>& gate_differences() {
  using steer::Verdict;
  static const std::vector<GateDifference> all = {
      {"unreadable",
       is_unreadable,
       Verdict::kPunt,
       FL_REASON_NONE,
       "without a sound IP header nobody knows whose it is: the kernel drops it"},
      {"fragments",
       is_about_fragments,
       Verdict::kDrop,
       FL_REASON_FRAGMENT,
       "who had the first fragment is the data plane's memory"},
      {"fragments to nobody",
       is_about_fragments,
       Verdict::kPunt,
       FL_REASON_NO_VIP,
       "to no vip's address"},
      {"flows of fragments",
       is_about_fragments,
       Verdict::kForward,
       FL_REASON_NONE,
       "a flow that began with a fragment is new to the gate: decided when its first whole packet "
       "comes"},
      {"quic",
       is_about_quic,
       Verdict::kForward,
       FL_REASON_NONE,
       "connection ids are not read: the flow decides"},
      {"flooded",
       is_about_answers,
       Verdict::kPunt,
       FL_REASON_NONE,
       "broadcast and multicast frames are the kernel's"},
      {"headroom",
       lacks_room,
       Verdict::kForward,
       FL_REASON_NONE,
       "drivers give every XDP frame 256 bytes in front"},
      {"headroom of answers", lacks_room, Verdict::kAnswer, FL_REASON_TOO_BIG, "the same"},
  };
  return all;
}

const GateDifference* find_difference(
    const PacketCase& row, steer::Verdict verdict, fl_reason reason
) {
  const auto& all = gate_differences();
  const auto it = std::find_if(all.begin(), all.end(), [&](const GateDifference& d) {
    return d.applies(row) && d.verdict == verdict && d.reason == reason;
  });
  return it == all.end() ? nullptr : &*it;
}

}  // namespace fairlead::packet_table
