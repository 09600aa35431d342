// SPDX-License-Identifier: BSD-3-Clause
// Rows: packets that the node answers because they are too big for a tunnel.
#include "tests/packet/packet_case.hh"
#include "tests/testing/icmp_message.hh"

namespace fairlead::packet_table {

using steer::Verdict;
using testing::fragmentation_needed;
using testing::kNodeMac;
using testing::kRouterMac;
using testing::packet;
using testing::packet_too_big;
using testing::PacketBuilder;

namespace {

/// Start of an answer: from us to the router that the packet came from.
PacketBuilder back() {
  return packet().ether(kRouterMac, kNodeMac);
}

PacketCase told(std::string says, World world, Frame in, Frame out) {
  return {
      .says = std::move(says),
      .world = std::move(world),
      .in = std::move(in),
      .verdict = Verdict::kAnswer,
      .reason = FL_REASON_TOO_BIG,
      .out = std::move(out)};
}

PacketCase dropped(std::string says, World world, Frame in, fl_reason reason) {
  return {
      .says = std::move(says),
      .world = std::move(world),
      .in = std::move(in),
      .verdict = Verdict::kDrop,
      .reason = reason};
}

/// A full-size TCP segment to a vip: `payload` behind 40 or 60 bytes of headers.
Frame segment4(const char* vip, unsigned payload) {
  return packet().ipv4(kClient4, vip).df().tcp(40000, 80, "A").payload(payload);
}
Frame segment6(const char* vip, unsigned payload) {
  return packet().ipv6(kClient6, vip).tcp(40000, 80, "A").payload(payload);
}
Frame needed(const char* vip, std::uint16_t mtu, const Frame& about) {
  return back()
      .ipv4(vip, kClient4)
      .tos(0xc0)
      .df()
      .protocol(1)
      .bytes(fragmentation_needed(mtu, about));
}
Frame too_big(const char* vip, std::uint32_t mtu, const Frame& about) {
  return back()
      .ipv6(vip, kClient6)
      .tos(0xc0)
      .protocol(58)
      .bytes(packet_too_big(mtu, about, vip, kClient6));
}

std::vector<PacketCase> too_big_cases() {
  const World small{.mtu = 1300};
  const Frame full = segment4(kIpip4, 1460);
  return {
      told(
          "A full-size packet to an IPv4 vip over IPIP: fragmentation needed, MTU less 20 bytes, "
          "from the vip, 576 bytes long.",
          {},
          full,
          needed(kIpip4, 1480, full)
      ),
      told(
          "One byte more than fits a small MTU is enough.",
          small,
          segment4(kIpip4, 1241),
          needed(kIpip4, 1280, segment4(kIpip4, 1241))
      ),
      told(
          "Over IPv6 the client has 40 bytes less.",
          {},
          segment4(kIpip4to6, 1460),
          needed(kIpip4to6, 1460, segment4(kIpip4to6, 1460))
      ),
      told(
          "GUE leaves room for the longest hop list: 36 bytes and one hop with one candidate.",
          {},
          segment4(kGue4, 1460),
          needed(kGue4, 1460, segment4(kGue4, 1460))
      ),
      told(
          "GUE over IPv6 with one hop: 40 + 12 + 4 + 16 bytes less.",
          {},
          segment4(kGue4to6, 1460),
          needed(kGue4to6, 1428, segment4(kGue4to6, 1460))
      ),
      told(
          "An IPv6 vip's client gets packet too big with the full 32-bit MTU, 1280 bytes long.",
          {},
          segment6(kIpip6, 1440),
          too_big(kIpip6, 1460, segment6(kIpip6, 1440))
      ),
      told(
          "An IPv6 vip over IPv4.",
          {},
          segment6(kIpip6to4, 1440),
          too_big(kIpip6to4, 1480, segment6(kIpip6to4, 1440))
      ),
      told(
          "No IPv6 sender is told less than 1280 bytes (RFC 8200), whatever the port's MTU.",
          {.mtu = 1290},
          segment6(kIpip6, 1230),
          too_big(kIpip6, 1280, segment6(kIpip6, 1230))
      ),
      told(
          "A direct return packet that is larger than the port's MTU is told that MTU.",
          small,
          segment4(kL2v4, 1300),
          needed(kL2v4, 1300, segment4(kL2v4, 1300))
      ),
      told(
          "A VLAN tag comes out of the MTU, and comes back with the answer.",
          {},
          packet().vlan(0x2005).ipv4(kClient4, kIpip4).df().tcp(40000, 80, "A").payload(1437),
          back()
              .vlan(0x2005)
              .ipv4(kIpip4, kClient4)
              .tos(0xc0)
              .df()
              .protocol(1)
              .bytes(fragmentation_needed(1476, segment4(kIpip4, 1437)))
      ),
      told(
          "Two tags are eight bytes.",
          {},
          packet()
              .vlan(7, 0x88a8)
              .vlan(5)
              .ipv4(kClient4, kIpip4)
              .df()
              .tcp(40000, 80, "A")
              .payload(1433),
          back()
              .vlan(7, 0x88a8)
              .vlan(5)
              .ipv4(kIpip4, kClient4)
              .tos(0xc0)
              .df()
              .protocol(1)
              .bytes(fragmentation_needed(1472, segment4(kIpip4, 1433)))
      ),
      told(
          "A packet that was merged on reception (GRO) is told the MTU of its segments.",
          {},
          segment4(kIpip4, 4 * 1440),
          needed(kIpip4, 1480, segment4(kIpip4, 4 * 1440))
      ),
      told(
          "Without DF the sender is told too: the node does not fragment.",
          {},
          packet().ipv4(kClient4, kIpip4).id(99).udp(40000, 53).payload(1472),
          back()
              .ipv4(kIpip4, kClient4)
              .tos(0xc0)
              .df()
              .protocol(1)
              .bytes(fragmentation_needed(
                  1480, packet().ipv4(kClient4, kIpip4).id(99).udp(40000, 53).payload(1472)
              ))
      ),
      told(
          "IP options of the packet are quoted, not inherited.",
          {},
          packet().ipv4(kClient4, kIpip4).options(12).tcp(40000, 80, "A").payload(1448),
          back()
              .ipv4(kIpip4, kClient4)
              .tos(0xc0)
              .df()
              .protocol(1)
              .bytes(fragmentation_needed(
                  1480,
                  packet().ipv4(kClient4, kIpip4).options(12).tcp(40000, 80, "A").payload(1448)
              ))
      ),
      told(
          "The answer comes from the node's own address where the configuration says so.",
          {.icmp_from_node = true},
          full,
          needed(kNode4, 1480, full)
      ),
      dropped(
          "Answers that are off are not given.", {.icmp_error_limit = 0}, full, FL_REASON_TOO_BIG
      ),
      dropped(
          "A frame that was flooded to all is not answered (RFC 1122 3.2.2).",
          {},
          packet()
              .ether("ff:ff:ff:ff:ff:ff", kRouterMac)
              .ipv4(kClient4, kIpip4)
              .df()
              .tcp(40000, 80, "A")
              .payload(1460),
          FL_REASON_TOO_BIG
      ),
      dropped(
          "Without room for the answer's headers the packet is dropped silently.",
          {.headroom = 27},
          full,
          FL_REASON_TOO_BIG
      ),
  };
}

/// A UDP datagram of 1600 bytes that was cut for an MTU of 1500.
Frame full_fragment4(const char* vip = kIpip4) {
  return packet()
      .ipv4(kClient4, vip)
      .id(77)
      .ipv4_fragment(0, true)
      .udp(40000, 53)
      .udp_length(1608)
      .payload(1472);
}
Frame small_fragment4() {
  return packet()
      .ipv4(kClient4, kIpip4)
      .id(77)
      .ipv4_fragment(0, true)
      .udp(40000, 53)
      .udp_length(2288)
      .payload(792);
}
Frame full_fragment6(const char* vip) {
  return packet()
      .ipv6(kClient6, vip)
      .ipv6_fragment(0, true)
      .udp(40000, 53)
      .udp_length(1608)
      .payload(1440);
}

std::vector<PacketCase> too_big_fragments() {
  PacketCase later = dropped(
      "A later fragment that does not fit is not answered (RFC 1122 3.2.2).",
      {},
      packet().ipv4(kClient4, kIpip4).id(77).protocol(17).ipv4_fragment(100, true).payload(1480),
      FL_REASON_TOO_BIG
  );
  later.before = {{0, small_fragment4()}};
  PacketCase last = dropped(
      "The other fragments go with a first one that was too big.",
      {},
      packet().ipv4(kClient4, kIpip4).id(77).protocol(17).ipv4_fragment(185, false).payload(120),
      FL_REASON_FRAGMENT
  );
  last.before = {{0, full_fragment4()}};
  PacketCase last6 = dropped(
      "So they do over GUE and IPv6.",
      {},
      packet().ipv6(kClient6, kGue6).ipv6_fragment(181, false, 17).payload(120),
      FL_REASON_FRAGMENT
  );
  last6.before = {{0, full_fragment6(kGue6)}};
  PacketCase l2 = dropped(
      "And with direct return, on a port with a small MTU.",
      {.mtu = 1300},
      packet().ipv4(kClient4, kL2v4).id(77).protocol(17).ipv4_fragment(185, false).payload(120),
      FL_REASON_FRAGMENT
  );
  l2.before = {{0, full_fragment4(kL2v4)}};
  PacketCase hidden = dropped(
      "A later IPv6 fragment is one behind an extension header too.",
      {},
      packet().ipv6(kClient6, kIpip6).extension(0).ipv6_fragment(126, false, 17).payload(1430),
      FL_REASON_TOO_BIG
  );
  hidden.before = {
      {0,
       packet()
           .ipv6(kClient6, kIpip6)
           .extension(0)
           .ipv6_fragment(0, true)
           .udp(40000, 53)
           .udp_length(3000)
           .payload(1000)}};
  return {
      told(
          "A full-size first fragment: its sender is told, and cuts the next datagram smaller.",
          {},
          full_fragment4(),
          needed(kIpip4, 1480, full_fragment4())
      ),
      told(
          "A full-size first fragment of an IPv6 sender, who cuts by what it is told.",
          {},
          full_fragment6(kIpip6),
          too_big(kIpip6, 1460, full_fragment6(kIpip6))
      ),
      later,
      last,
      last6,
      l2,
      hidden,
  };
}

PacketCase limited() {
  const Frame full = segment4(kIpip4, 1460);
  PacketCase row = dropped(
      "Beyond the limit a packet that is too big is dropped with a reason of its own.",
      {.icmp_error_limit = 1},
      full,
      FL_REASON_ICMP_LIMIT
  );
  row.before.assign(33, {0, full});  // a meter is at least a burst deep, and time may pass
  return row;
}

}  // namespace

std::vector<PacketCase> answer_cases() {
  std::vector<PacketCase> all = too_big_cases();
  for (const PacketCase& row : too_big_fragments()) all.push_back(row);
  all.push_back(limited());
  return all;
}

}  // namespace fairlead::packet_table
