// SPDX-License-Identifier: BSD-3-Clause
// The list.
#include "tests/packet/gate_differences.hh"

#include <algorithm>

namespace fairlead::packet_table {
namespace {

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

bool waits(const PacketCase& row) {
  return row.verdict == steer::Verdict::kWait;
}

bool sets_others_free(const PacketCase& row) {
  return !row.released.empty();
}

bool is_flooded(const PacketCase& row) {
  return !row.in.empty() && (row.in[0] & 1) != 0;
}

bool comes_before_any_table(const PacketCase& row) {
  return !(row.then ? *row.then : row.world).published;
}

/// A unicast frame that is not for us.
bool is_for_another_host(const PacketCase& row) {
  if (row.in.size() < 6 || is_flooded(row)) return false;
  const net::MacAddr own = net::MacAddr::parse(testing::kNodeMac).value();
  return !std::equal(own.bytes.begin(), own.bytes.end(), row.in.begin());
}

/// Longer than what the kernel gives a program in one piece.
bool is_merged(const PacketCase& row) {
  return row.in.size() > 3520;
}

bool is_of_the_only_node(const PacketCase& row) {
  return (row.then ? *row.then : row.world).only_node;
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
       "nobody knows whose it is, and the kernel's own frames pass here too: it drops what it "
       "must"},
      {"early fragments",
       waits,
       Verdict::kDrop,
       FL_REASON_FRAGMENT_EARLY,
       "a program cannot hold a packet until its first fragment comes"},
      {"early fragments are lost",
       sets_others_free,
       Verdict::kForward,
       FL_REASON_NONE,
       "so the first fragment finds none of them"},
      {"flooded",
       is_flooded,
       Verdict::kPunt,
       FL_REASON_NONE,
       "every node of the segment gets broadcast and multicast frames: all gates would forward "
       "them"},
      {"no table",
       comes_before_any_table,
       Verdict::kPunt,
       FL_REASON_NO_VIP,
       "before there is a generation the gate knows the vips' addresses all the same, so it can "
       "tell "
       "what is the kernel's"},
      {"another host's",
       is_for_another_host,
       Verdict::kPunt,
       FL_REASON_NONE,
       "an interface in promiscuous mode gets them too, and the kernel drops them; a port of "
       "DPDK's "
       "that is not does not get them"},
      {"merged",
       is_merged,
       Verdict::kDrop,
       FL_REASON_TRUNCATED_IP,
       "XDP comes before the kernel merges packets; frames in several buffers are not its"},
      {"many reserves",
       is_of_the_only_node,
       Verdict::kForward,
       FL_REASON_NONE,
       "the gate forwards while the data plane restarts, and compares the usual two: a hop list "
       "names the others all the same"},
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
