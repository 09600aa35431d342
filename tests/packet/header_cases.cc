// SPDX-License-Identifier: BSD-3-Clause
// Rows: headers that are legal and rarer than they should be in tests.
#include "tests/packet/packet_case.hh"

namespace fairlead::packet_table {

using net::IpProto;
using testing::packet;

namespace {

/// 6in6 to kIpip6, as expected on the wire.
testing::PacketBuilder sent6(std::uint16_t port) {
  return sent()
      .ipv6(kNode6, kBackend6)
      .flow_label(flow_label(IpProto::kTcp, kClient6, port, kIpip6, 80));
}

std::vector<PacketCase> layer2_cases() {
  return {
      {.says = "A VLAN tag stays on the frame.",
       .in = packet().vlan(100).ipv4(kClient4, kIpip4).tcp(40000, 80, "S"),
       .out = sent()
                  .vlan(100)
                  .ipv4(kNode4, kBackend4)
                  .df()
                  .ipv4(kClient4, kIpip4)
                  .ttl(63)
                  .tcp(40000, 80, "S")},
      {.says = "A VLAN tag stays on the frame when the family of the outer packet differs.",
       .in = packet().vlan(100).ipv6(kClient6, kGue6to4).tcp(40000, 80, "S"),
       .out = sent()
                  .vlan(100)
                  .ipv4(kNode4, kBackend4)
                  .df()
                  .udp(gue_port(IpProto::kTcp, kClient6, 40000, kGue6to4, 80), 19523)
                  .gue()
                  .ipv6(kClient6, kGue6to4)
                  .ttl(63)
                  .tcp(40000, 80, "S")},
      {.says = "Both tags of a QinQ frame stay.",
       .in = packet().vlan(200, 0x88a8).vlan(100).ipv4(kClient4, kIpip4).tcp(40000, 80, "S"),
       .out = sent()
                  .vlan(200, 0x88a8)
                  .vlan(100)
                  .ipv4(kNode4, kBackend4)
                  .df()
                  .ipv4(kClient4, kIpip4)
                  .ttl(63)
                  .tcp(40000, 80, "S")},
      {.says = "Two plain VLAN tags are QinQ too.",
       .in = packet().vlan(200).vlan(100).ipv6(kClient6, kIpip6).tcp(40000, 80, "S"),
       .out = sent()
                  .vlan(200)
                  .vlan(100)
                  .ipv6(kNode6, kBackend6)
                  .flow_label(flow_label(IpProto::kTcp, kClient6, 40000, kIpip6, 80))
                  .ipv6(kClient6, kIpip6)
                  .ttl(63)
                  .tcp(40000, 80, "S")},
      {.says = "Ethernet padding is cut off: the inner packet's stated length counts.",
       .in = packet().ipv4(kClient4, kIpip4).udp(40000, 53).payload(2).pad_to(60),
       .out = sent()
                  .ipv4(kNode4, kBackend4)
                  .df()
                  .ipv4(kClient4, kIpip4)
                  .ttl(63)
                  .udp(40000, 53)
                  .payload(2)},
  };
}

std::vector<PacketCase> ipv4_header_cases() {
  return {
      {.says = "IPv4 options are carried inside, and the ports behind them are found.",
       .in = packet().ipv4(kClient4, kIpip4).options(8).tcp(40000, 80, "S"),
       .out = sent()
                  .ipv4(kNode4, kBackend4)
                  .df()
                  .ipv4(kClient4, kIpip4)
                  .options(8)
                  .ttl(63)
                  .tcp(40000, 80, "S")},
      {.says = "The longest IPv4 header, 40 bytes of options, is understood.",
       .in = packet().ipv4(kClient4, kIpip4).options(40).udp(40000, 53).payload(9),
       .out = sent()
                  .ipv4(kNode4, kBackend4)
                  .df()
                  .ipv4(kClient4, kIpip4)
                  .options(40)
                  .ttl(63)
                  .udp(40000, 53)
                  .payload(9)},
      {.says = "DSCP and ECN are copied to the outer IPv4 header (RFC 6040 normal mode).",
       .in = packet().ipv4(kClient4, kIpip4).tos(0xba).tcp(40000, 80, "S"),
       .out = sent()
                  .ipv4(kNode4, kBackend4)
                  .tos(0xba)
                  .df()
                  .ipv4(kClient4, kIpip4)
                  .tos(0xba)
                  .ttl(63)
                  .tcp(40000, 80, "S")},
      {.says = "Congestion experienced is copied from IPv4 to an outer IPv6 header.",
       .in = packet().ipv4(kClient4, kIpip4to6).tos(0x03).tcp(40000, 80, "A"),
       .out = sent()
                  .ipv6(kNode6, kBackend6)
                  .tos(0x03)
                  .flow_label(flow_label(IpProto::kTcp, kClient4, 40000, kIpip4to6, 80))
                  .ipv4(kClient4, kIpip4to6)
                  .tos(0x03)
                  .ttl(63)
                  .tcp(40000, 80, "A")},
      {.says = "Id and DF of the inner packet stay; the outer packet has id 0 and DF.",
       .in = packet().ipv4(kClient4, kIpip4).id(0x1234).df().tcp(40000, 80, "A").payload(100),
       .out = sent()
                  .ipv4(kNode4, kBackend4)
                  .df()
                  .ipv4(kClient4, kIpip4)
                  .id(0x1234)
                  .df()
                  .ttl(63)
                  .tcp(40000, 80, "A")
                  .payload(100)},
      {.says = "A packet with TTL 2 leaves with 1.",
       .in = packet().ipv4(kClient4, kIpip4).ttl(2).tcp(40000, 80, "S"),
       .out =
           sent().ipv4(kNode4, kBackend4).df().ipv4(kClient4, kIpip4).ttl(1).tcp(40000, 80, "S")},
      {.says = "TCP options do not disturb.",
       .in = packet().ipv4(kClient4, kIpip4).tcp(40000, 80, "S").data_offset(10).payload(20),
       .out = sent()
                  .ipv4(kNode4, kBackend4)
                  .df()
                  .ipv4(kClient4, kIpip4)
                  .ttl(63)
                  .tcp(40000, 80, "S")
                  .data_offset(10)
                  .payload(20)},
      {.says = "A UDP length shorter than the IP payload is legal (RFC 768 says no more).",
       .in = packet().ipv4(kClient4, kIpip4).udp(40000, 53).udp_length(12).payload(20),
       .out = sent()
                  .ipv4(kNode4, kBackend4)
                  .df()
                  .ipv4(kClient4, kIpip4)
                  .ttl(63)
                  .udp(40000, 53)
                  .udp_length(12)
                  .payload(20)},
  };
}

std::vector<PacketCase> ipv6_header_cases() {
  auto nest = [](unsigned count, testing::PacketBuilder p) {
    for (unsigned i = 0; i < count; ++i) p.extension(60);
    return p.tcp(40000, 80, "S");
  };
  return {
      {.says = "A hop-by-hop header is skipped to find the ports, and carried inside.",
       .in = packet().ipv6(kClient6, kIpip6).extension(0).tcp(40000, 80, "S"),
       .out = sent6(40000).ipv6(kClient6, kIpip6).ttl(63).extension(0).tcp(40000, 80, "S")},
      {.says = "Routing and destination options headers are skipped.",
       .in =
           packet().ipv6(kClient6, kIpip6).extension(43, 24).extension(60, 16).tcp(40000, 80, "S"),
       .out = sent6(40000)
                  .ipv6(kClient6, kIpip6)
                  .ttl(63)
                  .extension(43, 24)
                  .extension(60, 16)
                  .tcp(40000, 80, "S")},
      {.says = "An authentication header counts its length in words.",
       .in = packet().ipv6(kClient6, kIpip6).extension(51, 24).tcp(40000, 80, "S"),
       .out = sent6(40000).ipv6(kClient6, kIpip6).ttl(63).extension(51, 24).tcp(40000, 80, "S")},
      {.says = "An atomic fragment is a whole packet (RFC 6946).",
       .in = packet().ipv6(kClient6, kIpip6).ipv6_fragment(0, false).tcp(40000, 80, "S"),
       .out =
           sent6(40000).ipv6(kClient6, kIpip6).ttl(63).ipv6_fragment(0, false).tcp(40000, 80, "S")},
      {.says = "Eight extension headers are still walked.",
       .in = nest(8, packet().ipv6(kClient6, kIpip6)),
       .out = nest(8, sent6(40000).ipv6(kClient6, kIpip6).ttl(63))},
      {.says =
           "Traffic class is copied to the outer IPv6 header; the inner flow label stays inside.",
       .in = packet().ipv6(kClient6, kIpip6).tos(0x29).flow_label(0xabcde).tcp(40000, 80, "S"),
       .out = sent6(40000)
                  .tos(0x29)
                  .ipv6(kClient6, kIpip6)
                  .tos(0x29)
                  .flow_label(0xabcde)
                  .ttl(63)
                  .tcp(40000, 80, "S")},
      {.says = "Traffic class is copied from IPv6 to an outer IPv4 header.",
       .in = packet().ipv6(kClient6, kIpip6to4).tos(0x2b).tcp(40000, 80, "S"),
       .out = sent()
                  .ipv4(kNode4, kBackend4)
                  .tos(0x2b)
                  .df()
                  .ipv6(kClient6, kIpip6to4)
                  .tos(0x2b)
                  .ttl(63)
                  .tcp(40000, 80, "S")},
  };
}

}  // namespace

std::vector<PacketCase> header_cases() {
  std::vector<PacketCase> all = layer2_cases();
  for (auto* part : {ipv4_header_cases, ipv6_header_cases}) {
    auto rows = part();
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

}  // namespace fairlead::packet_table
