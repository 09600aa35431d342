// SPDX-License-Identifier: BSD-3-Clause
// The list.
#include "tests/packet/gate_differences.hh"

#include <algorithm>

namespace fairlead::packet_table {

namespace {

GateDifference unreadable(const char* says) {
  return {
      .says = says,
      .verdict = steer::Verdict::kPunt,
      .reason = FL_REASON_NONE,
      .because =
          "without a sound IP header the gate cannot tell a vip's packet: the kernel drops it"};
}

}  // namespace

const std::vector<GateDifference>& gate_differences() {
  static const std::vector<GateDifference> all = {
      unreadable("A frame that ends inside its VLAN tag."),
      unreadable("An IPv4 header cut short."),
      unreadable("An IPv4 header whose options are cut short."),
      unreadable("An IPv6 header cut short."),
      unreadable("An IPv4 packet that says it is longer than the frame."),
      unreadable("An IPv6 packet that says it is longer than the frame."),
      unreadable("Ethertype IPv4 with version 6."),
      unreadable("Ethertype IPv6 with version 4."),
      unreadable("An IPv4 header length below 20 bytes."),
      unreadable("An IPv4 header longer than the packet says it is."),
      unreadable("A wrong IPv4 header checksum."),
      unreadable("A wrong IPv4 header checksum with options."),
      {.says = "A buffer with too little room in front is dropped.",
       .verdict = steer::Verdict::kForward,
       .reason = FL_REASON_NONE,
       .because = "the driver gives every XDP frame the same room"},
  };
  return all;
}

PacketCase as_seen_by_gate(PacketCase row) {
  const auto& all = gate_differences();
  const auto it = std::find_if(all.begin(), all.end(), [&](const GateDifference& d) {
    return d.says == row.says;
  });
  if (it == all.end()) return row;
  row.verdict = it->verdict;
  row.reason = it->reason;
  return row;
}

}  // namespace fairlead::packet_table
