// SPDX-License-Identifier: BSD-3-Clause
// Rows: packets that must not go on, and why.
#include "tests/packet/packet_case.hh"

namespace fairlead::packet_table {

using testing::packet;

namespace {

PacketCase dropped(std::string says, Frame in, fl_reason reason) {
  return {
      .says = std::move(says),
      .in = std::move(in),
      .verdict = steer::Verdict::kDrop,
      .reason = reason};
}

std::vector<PacketCase> ip_cases() {
  return {
      dropped(
          "A frame shorter than an Ethernet header.",
          packet().ipv4(kClient4, kIpip4).tcp(40000, 80, "S").cut_to(13),
          FL_REASON_TRUNCATED_ETHERNET
      ),
      dropped(
          "A frame that ends inside its VLAN tag.",
          packet().vlan(100).ipv4(kClient4, kIpip4).tcp(40000, 80, "S").cut_to(17),
          FL_REASON_TRUNCATED_ETHERNET
      ),
      dropped(
          "An IPv4 header cut short.",
          packet().ipv4(kClient4, kIpip4).tcp(40000, 80, "S").cut_to(33),
          FL_REASON_TRUNCATED_IP
      ),
      dropped(
          "An IPv4 header whose options are cut short.",
          packet().ipv4(kClient4, kIpip4).options(12).tcp(40000, 80, "S").cut_to(40),
          FL_REASON_TRUNCATED_IP
      ),
      dropped(
          "An IPv6 header cut short.",
          packet().ipv6(kClient6, kIpip6).tcp(40000, 80, "S").cut_to(53),
          FL_REASON_TRUNCATED_IP
      ),
      dropped(
          "An IPv4 packet that says it is longer than the frame.",
          packet().ipv4(kClient4, kIpip4).stated_length(41).tcp(40000, 80, "S"),
          FL_REASON_TRUNCATED_IP
      ),
      dropped(
          "An IPv6 packet that says it is longer than the frame.",
          packet().ipv6(kClient6, kIpip6).stated_length(21).tcp(40000, 80, "S"),
          FL_REASON_TRUNCATED_IP
      ),
      dropped(
          "Ethertype IPv4 with version 6.",
          packet().ipv4(kClient4, kIpip4).version(6).tcp(40000, 80, "S"),
          FL_REASON_BAD_IP_VERSION
      ),
      dropped(
          "Ethertype IPv6 with version 4.",
          packet().ipv6(kClient6, kIpip6).version(4).tcp(40000, 80, "S"),
          FL_REASON_BAD_IP_VERSION
      ),
      dropped(
          "An IPv4 header length below 20 bytes.",
          packet().ipv4(kClient4, kIpip4).header_words(4).tcp(40000, 80, "S"),
          FL_REASON_BAD_IP_HEADER
      ),
      dropped(
          "An IPv4 header longer than the packet says it is.",
          packet().ipv4(kClient4, kIpip4).stated_length(19).tcp(40000, 80, "S"),
          FL_REASON_BAD_IP_HEADER
      ),
      dropped(
          "A wrong IPv4 header checksum.",
          packet().ipv4(kClient4, kIpip4).wrong_checksum().tcp(40000, 80, "S"),
          FL_REASON_BAD_IP_CHECKSUM
      ),
      dropped(
          "A wrong IPv4 header checksum with options.",
          packet().ipv4(kClient4, kIpip4).options(4).wrong_checksum().tcp(40000, 80, "S"),
          FL_REASON_BAD_IP_CHECKSUM
      ),
      dropped(
          "TTL 0.",
          packet().ipv4(kClient4, kIpip4).ttl(0).tcp(40000, 80, "S"),
          FL_REASON_TTL_EXPIRED
      ),
      dropped(
          "TTL 1: a router would not forward it either.",
          packet().ipv4(kClient4, kIpip4).ttl(1).tcp(40000, 80, "S"),
          FL_REASON_TTL_EXPIRED
      ),
      dropped(
          "Hop limit 1.",
          packet().ipv6(kClient6, kIpip6).ttl(1).tcp(40000, 80, "S"),
          FL_REASON_TTL_EXPIRED
      ),
  };
}

std::vector<PacketCase> extension_cases() {
  auto nine = packet().ipv6(kClient6, kIpip6);
  for (int i = 0; i < 9; ++i) nine.extension(60);
  nine.tcp(40000, 80, "S");
  return {
      dropped("Nine extension headers.", nine, FL_REASON_IPV6_EXTENSIONS),
      dropped(
          "An extension header that runs beyond the packet.",
          packet().ipv6(kClient6, kIpip6).protocol(60).bytes({6, 9, 0, 0, 0, 0, 0, 0}).payload(20),
          FL_REASON_IPV6_EXTENSIONS
      ),
      dropped(
          "An extension header cut short.",
          packet().ipv6(kClient6, kIpip6).protocol(0).bytes({6, 0, 0, 0}),
          FL_REASON_IPV6_EXTENSIONS
      ),
      dropped(
          "An IPv6 packet without next header.",
          packet().ipv6(kClient6, kIpip6).payload(8),
          FL_REASON_UNSUPPORTED_L4
      ),
      dropped(
          "ESP to a vip: its ports cannot be read.",
          packet().ipv6(kClient6, kIpip6).protocol(50).payload(32),
          FL_REASON_UNSUPPORTED_L4
      ),
      dropped(
          "SCTP to a vip.",
          packet().ipv4(kClient4, kIpip4).protocol(132).payload(20),
          FL_REASON_UNSUPPORTED_L4
      ),
      dropped(
          "A tunnelled packet to a vip.",
          packet().ipv4(kClient4, kIpip4).ipv4(kClient4, kIpip4).tcp(40000, 80, "S"),
          FL_REASON_UNSUPPORTED_L4
      ),
  };
}

std::vector<PacketCase> l4_cases() {
  return {
      dropped(
          "A TCP header cut short.",
          packet().ipv4(kClient4, kIpip4).protocol(6).payload(19),
          FL_REASON_TRUNCATED_L4
      ),
      dropped(
          "A TCP header that only Ethernet padding completes.",
          packet().ipv4(kClient4, kIpip4).protocol(6).payload(19).pad_to(60),
          FL_REASON_TRUNCATED_L4
      ),
      dropped(
          "An empty IPv4 packet that says TCP.",
          packet().ipv4(kClient4, kIpip4).protocol(6),
          FL_REASON_TRUNCATED_L4
      ),
      dropped(
          "A UDP header cut short.",
          packet().ipv6(kClient6, kIpip6).protocol(17).payload(7),
          FL_REASON_TRUNCATED_L4
      ),
      dropped(
          "A TCP data offset below 20 bytes.",
          packet().ipv4(kClient4, kIpip4).tcp(40000, 80, "S").data_offset(4),
          FL_REASON_BAD_TCP_HEADER
      ),
      dropped(
          "A TCP data offset beyond the packet.",
          packet().ipv4(kClient4, kIpip4).tcp(40000, 80, "S").data_offset(6),
          FL_REASON_BAD_TCP_HEADER
      ),
      dropped(
          "A UDP length below 8.",
          packet().ipv4(kClient4, kIpip4).udp(40000, 53).udp_length(7).payload(8),
          FL_REASON_BAD_UDP_LENGTH
      ),
      dropped(
          "A UDP length beyond the packet.",
          packet().ipv6(kClient6, kIpip6).udp(40000, 53).udp_length(17).payload(8),
          FL_REASON_BAD_UDP_LENGTH
      ),
      dropped(
          "Source port 0.", packet().ipv4(kClient4, kIpip4).tcp(0, 80, "S"), FL_REASON_ZERO_PORT
      ),
      dropped(
          "Destination port 0, even on a vip of any port.",
          packet().ipv4(kClient4, kAnyPort).tcp(40000, 0, "S"),
          FL_REASON_ZERO_PORT
      ),
      dropped(
          "UDP source port 0.",
          packet().ipv6(kClient6, kIpip6).udp(0, 53).payload(8),
          FL_REASON_ZERO_PORT
      ),
      dropped(
          "TCP without any flag.",
          packet().ipv4(kClient4, kIpip4).tcp(40000, 80, ""),
          FL_REASON_BAD_TCP_FLAGS
      ),
      dropped(
          "TCP with PSH and URG only.",
          packet().ipv4(kClient4, kIpip4).tcp(40000, 80, "PU"),
          FL_REASON_BAD_TCP_FLAGS
      ),
      dropped(
          "TCP with SYN and FIN.",
          packet().ipv4(kClient4, kIpip4).tcp(40000, 80, "SF"),
          FL_REASON_BAD_TCP_FLAGS
      ),
      dropped(
          "TCP with SYN and RST.",
          packet().ipv6(kClient6, kIpip6).tcp(40000, 80, "SR"),
          FL_REASON_BAD_TCP_FLAGS
      ),
  };
}

/// Traps that others have fallen into.
std::vector<PacketCase> hostile_cases() {
  return {
      dropped(
          "A land packet: addresses and ports are the vip's own.",
          packet().ipv4(kIpip4, kIpip4).tcp(80, 80, "S"),
          FL_REASON_MARTIAN_SOURCE
      ),
      dropped(
          "The vip as source, whatever the ports.",
          packet().ipv4(kIpip4, kIpip4).tcp(40000, 80, "A"),
          FL_REASON_MARTIAN_SOURCE
      ),
      dropped(
          "A land packet over IPv6.",
          packet().ipv6(kIpip6, kIpip6).udp(53, 53).payload(4),
          FL_REASON_MARTIAN_SOURCE
      ),
      dropped(
          "Hop limit 0.",
          packet().ipv6(kClient6, kIpip6).ttl(0).udp(40000, 53).payload(4),
          FL_REASON_TTL_EXPIRED
      ),
      dropped(
          "Both ports 0.", packet().ipv4(kClient4, kIpip4).udp(0, 0).payload(4), FL_REASON_ZERO_PORT
      ),
      dropped(
          "A UDP length of 0: jumbograms (RFC 2675) are not for the internet.",
          packet().ipv6(kClient6, kIpip6).udp(40000, 53).udp_length(0).payload(8),
          FL_REASON_BAD_UDP_LENGTH
      ),
      dropped(
          "An IPv6 payload length of 0 that a hop-by-hop header seems to explain.",
          packet().ipv6(kClient6, kIpip6).stated_length(0).extension(0).tcp(40000, 80, "S"),
          FL_REASON_IPV6_EXTENSIONS
      ),
      dropped(
          "TCP with every flag there is.",
          packet().ipv4(kClient4, kIpip4).tcp(40000, 80, "SFRPAU"),
          FL_REASON_BAD_TCP_FLAGS
      ),
      dropped(
          "An IPv4 header of 60 stated bytes in a packet of 40.",
          packet().ipv4(kClient4, kIpip4).header_words(15).tcp(40000, 80, "S"),
          FL_REASON_BAD_IP_HEADER
      ),
      dropped(
          "A routing header that says it is 2048 bytes long.",
          packet()
              .ipv6(kClient6, kIpip6)
              .protocol(43)
              .bytes({6, 255, 0, 0, 0, 0, 0, 0})
              .payload(20),
          FL_REASON_IPV6_EXTENSIONS
      ),
  };
}

/// At these sources no flow may begin.
std::vector<PacketCase> no_client_cases() {
  World stateless;
  stateless.udp_stateless = true;
  std::vector<PacketCase> rows = {
      dropped(
          "A datagram from one vip to another: their services would answer each other for ever.",
          packet().ipv4(kGue4, kIpip4).udp(53, 53).payload(4),
          FL_REASON_MARTIAN_SOURCE
      ),
      dropped(
          "A SYN from another vip, whatever its port and protocol.",
          packet().ipv4(kPairUdp, kIpip4).tcp(40000, 80, "S"),
          FL_REASON_MARTIAN_SOURCE
      ),
      dropped(
          "An ACK of no known connection from another vip.",
          packet().ipv4(kGue4, kIpip4).tcp(80, 80, "A"),
          FL_REASON_MARTIAN_SOURCE
      ),
      dropped(
          "A SYN in a VLAN from another vip.",
          packet().vlan(7).ipv4(kGue4, kIpip4).tcp(40000, 80, "S"),
          FL_REASON_MARTIAN_SOURCE
      ),
      dropped(
          "A SYN from an address in a vip's prefix.",
          packet().ipv4("198.18.5.200", kIpip4).tcp(40000, 80, "S"),
          FL_REASON_MARTIAN_SOURCE
      ),
      dropped(
          "A datagram from one IPv6 vip to another.",
          packet().ipv6(kGue6, kIpip6).udp(53, 53).payload(4),
          FL_REASON_MARTIAN_SOURCE
      ),
      dropped(
          "A first fragment from another vip.",
          packet().ipv4(kGue4, kIpip4).ipv4_fragment(0, true).udp(53, 53).payload(8),
          FL_REASON_MARTIAN_SOURCE
      ),
      {.says = "A vip that does not track looks at sources too.",
       .world = stateless,
       .in = packet().ipv4(kGue4, kPairUdp).udp(53, 53).payload(4),
       .verdict = steer::Verdict::kDrop,
       .reason = FL_REASON_MARTIAN_SOURCE},
      {.says = "A source just outside a vip's prefix is a client's.",
       .in = packet().ipv4("198.18.6.1", kIpip4).tcp(40000, 80, "S"),
       .out = sent()
                  .ipv4(kNode4, kBackend4)
                  .df()
                  .ipv4("198.18.6.1", kIpip4)
                  .ttl(63)
                  .tcp(40000, 80, "S")},
  };
  for (const char* source : {"169.254.0.1", "169.254.255.254"})
    rows.push_back(dropped(
        std::string("A link-local source is not forwarded: ") + source + ".",
        packet().ipv4(source, kIpip4).tcp(40000, 80, "S"),
        FL_REASON_MARTIAN_SOURCE
    ));
  for (const char* source : {"fe80::1", "febf::1"})
    rows.push_back(dropped(
        std::string("A link-local source is not forwarded: ") + source + ".",
        packet().ipv6(source, kIpip6).tcp(40000, 80, "S"),
        FL_REASON_MARTIAN_SOURCE
    ));
  return rows;
}

std::vector<PacketCase> martian_cases() {
  std::vector<PacketCase> rows;
  for (const char* source :
       {"0.0.0.0",
        "0.1.2.3",
        "127.0.0.1",
        "224.0.0.5",
        "239.255.255.255",
        "255.255.255.255",
        kIpip4})
    rows.push_back(dropped(
        std::string("A source that nobody has: ") + source + ".",
        packet().ipv4(source, kIpip4).tcp(40000, 80, "S"),
        FL_REASON_MARTIAN_SOURCE
    ));
  for (const char* source : {"240.1.2.3", "255.255.255.254"})  // class E: some clouds use it
    rows.push_back(
        {.says = std::string("A source of class E is a client's: ") + source + ".",
         .in = packet().ipv4(source, kIpip4).tcp(40000, 80, "S"),
         .out =
             sent().ipv4(kNode4, kBackend4).df().ipv4(source, kIpip4).ttl(63).tcp(40000, 80, "S")}
    );
  for (const char* source : {"::", "::1", "ff02::1", kIpip6})
    rows.push_back(dropped(
        std::string("An IPv6 source that nobody has: ") + source + ".",
        packet().ipv6(source, kIpip6).tcp(40000, 80, "S"),
        FL_REASON_MARTIAN_SOURCE
    ));
  return rows;
}

}  // namespace

std::vector<PacketCase> malformed_cases() {
  std::vector<PacketCase> all = ip_cases();
  for (auto* part : {extension_cases, l4_cases, hostile_cases, martian_cases, no_client_cases}) {
    auto rows = part();
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

}  // namespace fairlead::packet_table
