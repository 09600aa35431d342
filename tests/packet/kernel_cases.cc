// SPDX-License-Identifier: BSD-3-Clause
// Rows: packets that are the kernel's, or that come before there is a table.
#include "tests/packet/packet_case.hh"

namespace fairlead::packet_table {

using testing::kGatewayMac;
using testing::packet;

namespace {

PacketCase punted(std::string says, Frame in, fl_reason reason) {
  return {
      .says = std::move(says),
      .in = std::move(in),
      .verdict = steer::Verdict::kPunt,
      .reason = reason};
}

}  // namespace

std::vector<PacketCase> kernel_cases() {
  using steer::Verdict;
  return {
      punted("ARP goes to the kernel.", packet().ethertype(0x0806).payload(28), FL_REASON_NOT_IP),
      punted("LLDP goes to the kernel.", packet().ethertype(0x88cc).payload(40), FL_REASON_NOT_IP),
      punted(
          "ARP in a VLAN goes to the kernel.",
          packet().vlan(100).ethertype(0x0806).payload(28),
          FL_REASON_NOT_IP
      ),
      punted(
          "Three VLAN tags are more than we understand: the kernel may.",
          packet().vlan(3).vlan(2).vlan(1).ipv4(kClient4, kIpip4).tcp(40000, 80, "S"),
          FL_REASON_NOT_IP
      ),
      punted(
          "ICMP to the node itself goes to the kernel.",
          packet().ipv4(kClient4, kNode4).protocol(1).bytes({8, 0, 0, 0, 0, 1, 0, 1}),
          FL_REASON_ICMP
      ),
      punted(
          "Neighbour discovery goes to the kernel, hop limit 255 or not.",
          packet().ipv6("fe80::1", "ff02::1:ff00:100").ttl(255).protocol(58).bytes({135, 0, 0, 0}),
          FL_REASON_ICMP
      ),
      punted(
          "ICMPv6 behind an extension header is found.",
          packet()
              .ipv6("fe80::1", "ff02::16")
              .ttl(1)
              .protocol(0)
              .bytes({58, 0, 5, 2, 0, 0, 1, 0, 143, 0, 0, 0}),
          FL_REASON_ICMP
      ),
      punted(
          "TCP to the node itself (BGP, SSH) goes to the kernel.",
          packet().ipv4("10.0.0.254", kNode4).tcp(40000, 179, "S"),
          FL_REASON_NO_VIP
      ),
      punted(
          "A vip's address with another port is not the vip.",
          packet().ipv4(kClient4, kIpip4).tcp(40000, 81, "S"),
          FL_REASON_NO_VIP
      ),
      punted(
          "A TCP vip's port over UDP is not the vip.",
          packet().ipv4(kClient4, kIpip4).udp(40000, 80).payload(8),
          FL_REASON_NO_VIP
      ),
      punted(
          "An address just outside a vip's prefix is not the vip.",
          packet().ipv4(kClient4, "198.18.6.9").tcp(40000, 80, "S"),
          FL_REASON_NO_VIP
      ),
      punted(
          "A fragment for the node itself is the kernel's to put together.",
          packet().ipv4("10.0.0.254", kNode4).ipv4_fragment(0, true).udp(500, 500).payload(8),
          FL_REASON_NO_VIP
      ),
      punted(
          "BGP with TTL 1 to the node itself goes to the kernel.",
          packet().ipv4("10.0.0.254", kNode4).ttl(1).tcp(40000, 179, "S"),
          FL_REASON_NO_VIP
      ),
      punted(
          "Other protocols to the node itself (OSPF) go to the kernel.",
          packet().ipv4("10.0.0.254", "224.0.0.5").ttl(1).protocol(89).payload(44),
          FL_REASON_NO_VIP
      ),
      punted(
          "DHCP from 0.0.0.0 goes to the kernel.",
          packet().ipv4("0.0.0.0", "255.255.255.255").udp(68, 67).payload(240),
          FL_REASON_NO_VIP
      ),
      {.says = "Before a table is published nothing is forwarded.",
       .world = {.published = false},
       .in = packet().ipv4(kClient4, kIpip4).tcp(40000, 80, "S"),
       .verdict = Verdict::kDrop,
       .reason = FL_REASON_NO_TABLE},
      {.says = "Before a table is published a fragment is dropped like a whole packet.",
       .world = {.published = false},
       .in = packet().ipv4(kClient4, kIpip4).ipv4_fragment(0, true).udp(40000, 53).payload(8),
       .verdict = Verdict::kDrop,
       .reason = FL_REASON_NO_TABLE},
      {.says = "Before a table is published nobody knows what else is the kernel's.",
       .world = {.published = false},
       .in = packet().ipv4("10.0.0.254", kNode4).tcp(40000, 179, "S"),
       .verdict = Verdict::kDrop,
       .reason = FL_REASON_NO_TABLE},
      {.says = "A frame to another host's MAC address is not told apart: ports filter them.",
       .in = packet()
                 .ether("02:00:00:00:00:77", kGatewayMac)
                 .ipv4("10.0.0.254", kNode4)
                 .tcp(40000, 179, "S"),
       .verdict = Verdict::kPunt,
       .reason = FL_REASON_NO_VIP},
      {.says = "Before a table is published ARP goes to the kernel all the same.",
       .world = {.published = false},
       .in = packet().ethertype(0x0806).payload(28),
       .verdict = Verdict::kPunt,
       .reason = FL_REASON_NOT_IP},
  };
}

}  // namespace fairlead::packet_table
