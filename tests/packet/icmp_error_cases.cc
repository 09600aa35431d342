// SPDX-License-Identifier: BSD-3-Clause
// Rows: ICMP errors about packets that backends have sent.
#include "tests/packet/packet_case.hh"

namespace fairlead::packet_table {

using net::IpProto;
using testing::packet;
using testing::PacketBuilder;

namespace {

constexpr const char* kRouter4 = "192.0.2.99";
constexpr const char* kRouter6 = "2001:db8:99::1";

// What a message looks like from behind "from a router to the vip".
using Message = void (*)(PacketBuilder&);

/// The relayed message behind the outer header to kBackend4, or to whomever.
Frame relayed4(const char* vip, const Message& message, const char* backend = kBackend4) {
  auto out = sent().ipv4(kNode4, backend).df().ipv4(kRouter4, vip).ttl(63);
  message(out);
  return out;
}
Frame relayed6(const char* vip, const Message& message, std::uint32_t label) {
  auto out = sent().ipv6(kNode6, kBackend6).flow_label(label).ipv6(kRouter6, vip).ttl(63);
  message(out);
  return out;
}
Frame in4(const char* vip, const Message& message) {
  auto out = packet().ipv4(kRouter4, vip);
  message(out);
  return out;
}
Frame in6(const char* vip, const Message& message) {
  auto out = packet().ipv6(kRouter6, vip);
  message(out);
  return out;
}

PacketCase to_ipip4(std::string says, const Message& message) {
  return {.says = std::move(says), .in = in4(kIpip4, message), .out = relayed4(kIpip4, message)};
}
PacketCase to_ipip6(
    std::string says, const Message& message, IpProto protocol, std::uint16_t port
) {
  return {
      .says = std::move(says),
      .in = in6(kIpip6, message),
      .out = relayed6(kIpip6, message, flow_label(protocol, kClient6, 40000, kIpip6, port))};
}

std::vector<PacketCase> kinds_of_errors() {
  return {
      to_ipip4(
          "\"Fragmentation needed\" goes to the backend whose packet it quotes.",
          [](PacketBuilder& p) {
            p.icmp(3, 4, 1400).ipv4(kIpip4, kClient4).df().tcp(80, 40000, "A").payload(500);
          }
      ),
      to_ipip4(
          "A quote of 8 bytes behind the IP header is enough.",
          [](PacketBuilder& p) {
            p.icmp(3, 4, 1400, 28).ipv4(kIpip4, kClient4).df().tcp(80, 40000, "A").payload(500);
          }
      ),
      to_ipip4(
          "Port unreachable about a UDP answer.",
          [](PacketBuilder& p) {
            p.icmp(3, 3, 0, 28).ipv4(kIpip4, kClient4).udp(53, 40000).payload(100);
          }
      ),
      to_ipip4(
          "Time exceeded, as traceroute from a backend gets it.",
          [](PacketBuilder& p) { p.icmp(11, 0).ipv4(kIpip4, kClient4).ttl(0).tcp(80, 40000, "A"); }
      ),
      to_ipip4(
          "Parameter problem.",
          [](PacketBuilder& p) {
            p.icmp(12, 0, 0x14000000).ipv4(kIpip4, kClient4).options(8).tcp(80, 40000, "A");
          }
      ),
      to_ipip4(
          "The quoted packet has 40 bytes of options.",
          [](PacketBuilder& p) {
            p.icmp(3, 1, 0, 68).ipv4(kIpip4, kClient4).options(40).tcp(80, 40000, "A");
          }
      ),
      to_ipip4(
          "The quoted packet is the first fragment of a large answer.",
          [](PacketBuilder& p) {
            p.icmp(11, 1).ipv4(kIpip4, kClient4).ipv4_fragment(0, true).udp(53, 40000).payload(64);
          }
      ),
      to_ipip4(
          "Checksum and length of the quoted header do not matter: routers change them.",
          [](PacketBuilder& p) {
            p.icmp(3, 4, 1400)
                .ipv4(kIpip4, kClient4)
                .wrong_checksum()
                .stated_length(9000)
                .tcp(80, 40000, "A");
          }
      ),
      to_ipip6(
          "ICMPv6 \"packet too big\".",
          [](PacketBuilder& p) {
            p.icmp(2, 0, 1280).ipv6(kIpip6, kClient6).tcp(80, 40000, "A").payload(1100);
          },
          IpProto::kTcp,
          80
      ),
      to_ipip6(
          "ICMPv6 unreachable about UDP, 8 bytes of it quoted.",
          [](PacketBuilder& p) {
            p.icmp(1, 4, 0, 48).ipv6(kIpip6, kClient6).udp(53, 40000).payload(99);
          },
          IpProto::kUdp,
          53
      ),
      to_ipip6(
          "ICMPv6 time exceeded; the quoted packet has extension headers.",
          [](PacketBuilder& p) {
            p.icmp(3, 0).ipv6(kIpip6, kClient6).extension(0).extension(60, 16).tcp(80, 40000, "A");
          },
          IpProto::kTcp,
          80
      ),
      to_ipip6(
          "ICMPv6 parameter problem; the quoted packet is a first fragment.",
          [](PacketBuilder& p) {
            p.icmp(4, 1, 40)
                .ipv6(kIpip6, kClient6)
                .ipv6_fragment(0, true)
                .udp(53, 40000)
                .payload(8);
          },
          IpProto::kUdp,
          53
      ),
  };
}

std::vector<PacketCase> carriers() {
  const Message too_big = [](PacketBuilder& p) {
    p.icmp(3, 4, 1400).ipv4(kGue4, kClient4).df().tcp(80, 40000, "A").payload(20);
  };
  const Message l2 = [](PacketBuilder& p) {
    p.icmp(3, 4, 1400).ipv4(kL2v4, kClient4).df().tcp(80, 40000, "A").payload(20);
  };
  auto tagged = packet().vlan(100).ipv4(kRouter4, kGue4).options(8);
  too_big(tagged);
  auto tagged_out = sent()
                        .vlan(100)
                        .ipv4(kNode4, kBackend4)
                        .df()
                        .udp(gue_port(IpProto::kTcp, kClient4, 40000, kGue4, 80), 19523)
                        .gue()
                        .ipv4(kRouter4, kGue4)
                        .options(8)
                        .ttl(63);
  too_big(tagged_out);
  auto direct = packet().ipv4(kRouter4, kL2v4);
  l2(direct);
  auto direct_out = packet().ether(kBackendMac, testing::kNodeMac).ipv4(kRouter4, kL2v4).ttl(63);
  l2(direct_out);
  return {
      {.says = "An ICMP error in a VLAN, with options, goes through GUE like its flow.",
       .in = tagged,
       .out = tagged_out},
      {.says = "An ICMP error to an L2 vip keeps its bytes.", .in = direct, .out = direct_out},
  };
}

std::vector<PacketCase> owners() {
  const Message about_pair = [](PacketBuilder& p) {
    p.icmp(3, 4, 1400).ipv4(kPair, kClient4).df().tcp(80, 40000, "A").payload(20);
  };
  const Message about_any = [](PacketBuilder& p) {
    p.icmp(3, 4, 1400).ipv4(kAnyPort, kClient4).df().tcp(443, 40000, "A").payload(20);
  };
  const Message about_udp = [](PacketBuilder& p) {
    p.icmp(3, 3).ipv4(kPairUdp, kClient4).udp(53, 40000).payload(1);
  };
  const Frame syn = packet().ipv4(kClient4, kPair).tcp(40000, 80, "S");
  const Frame ack = packet().ipv4(kClient4, kPair).tcp(40000, 80, "A");
  return {
      {.says = "An ICMP error follows its flow, not the table.",
       .before = {{0, syn}, {0, ack}},
       .then = World{.pair_slots = {1}},
       .in = in4(kPair, about_pair),
       .out = relayed4(kPair, about_pair)},
      {.says = "An ICMP error about an unknown flow goes to the flow's first candidate.",
       .world = {.pair_slots = {1}},
       .in = in4(kPair, about_pair),
       .out = relayed4(kPair, about_pair, kSecond4)},
      {.says = "An ICMP error about a flow whose backend is down goes to a living candidate.",
       .before = {{0, syn}, {0, ack}},
       .then = World{.first = FL_MEMBER_DOWN, .pair_slots = {1}},
       .in = in4(kPair, about_pair),
       .out = relayed4(kPair, about_pair, kSecond4)},
      {.says = "A draining backend still gets the ICMP errors of its flows.",
       .before = {{0, syn}, {0, ack}},
       .then = World{.first = FL_MEMBER_DRAINING, .pair_slots = {1}},
       .in = in4(kPair, about_pair),
       .out = relayed4(kPair, about_pair)},
      {.says =
           "A flow that has timed out leads its ICMP errors nowhere, though nobody has swept it.",
       .before = {{0, packet().ipv4(kClient4, kPairUdp).udp(40000, 53).payload(1)}},
       .then = World{.pair_slots = {1}},
       .after_ms = 21000,
       .in = in4(kPairUdp, about_udp),
       .out = relayed4(kPairUdp, about_udp, kSecond4)},
      {.says = "The quoted source port names the vip, not its address alone.",
       .in = in4(kAnyPort, about_any),
       .out = relayed4(kAnyPort, about_any, kSecond4)},
      {.says = "An ICMP error does not end a connection, nor keep it alive: the flow times out.",
       .before =
           {{0, packet().ipv4(kClient4, kPairUdp).udp(40000, 53).payload(1)},
            {50000,
             packet()
                 .ipv4(kRouter4, kPairUdp)
                 .icmp(3, 3)
                 .ipv4(kPairUdp, kClient4)
                 .udp(53, 40000)
                 .payload(1)}},
       .then = World{.pair_slots = {1}},
       .after_ms = 30000,
       .in = packet().ipv4(kClient4, kPairUdp).udp(40000, 53).payload(1),
       .out = sent()
                  .ipv4(kNode4, kSecond4)
                  .df()
                  .ipv4(kClient4, kPairUdp)
                  .ttl(63)
                  .udp(40000, 53)
                  .payload(1)},
  };
}

PacketCase dropped(std::string says, Frame in, fl_reason reason = FL_REASON_BAD_ICMP_ERROR) {
  return {
      .says = std::move(says),
      .in = std::move(in),
      .verdict = steer::Verdict::kDrop,
      .reason = reason};
}
PacketCase punted(std::string says, Frame in, fl_reason reason) {
  return {
      .says = std::move(says),
      .in = std::move(in),
      .verdict = steer::Verdict::kPunt,
      .reason = reason};
}

PacketBuilder unreachable(const char* to = kIpip4, std::size_t quoted = 65535) {
  return packet().ipv4(kRouter4, to).icmp(3, 1, 0, quoted);
}
PacketBuilder unreachable6(std::size_t quoted = 65535) {
  return packet().ipv6(kRouter6, kIpip6).icmp(1, 0, 0, quoted);
}

std::vector<PacketCase> bad_quotes() {
  return {
      dropped(
          "An ICMP error that ends inside its own header.",
          packet().ipv4(kRouter4, kIpip4).protocol(1).bytes({3, 1, 0, 0})
      ),
      dropped("An ICMP error that quotes nothing.", unreachable()),
      dropped(
          "An ICMP error that quotes 7 bytes of TCP.",
          unreachable(kIpip4, 27).ipv4(kIpip4, kClient4).tcp(80, 40000, "A")
      ),
      dropped(
          "An ICMP error whose quoted options are cut short.",
          unreachable(kIpip4, 50).ipv4(kIpip4, kClient4).options(40).tcp(80, 40000, "A")
      ),
      dropped(
          "An ICMP error that quotes a header length below 20 bytes.",
          unreachable().ipv4(kIpip4, kClient4).header_words(4).tcp(80, 40000, "A")
      ),
      dropped(
          "An ICMP error that quotes IPv6 in IPv4.",
          unreachable().ipv6(kIpip6, kClient6).tcp(80, 40000, "A")
      ),
      dropped(
          "An ICMP error that quotes a packet of somebody else.",
          unreachable().ipv4(kGue4, kClient4).tcp(80, 40000, "A")
      ),
      dropped(
          "An ICMP error that quotes a packet to the vip instead of one from it.",
          unreachable().ipv4(kClient4, kIpip4).tcp(40000, 80, "A")
      ),
      dropped(
          "An ICMP error that quotes a later fragment, which has no ports.",
          unreachable().ipv4(kIpip4, kClient4).ipv4_fragment(10, true).udp(53, 40000).payload(8)
      ),
      dropped(
          "An ICMP error that quotes port 0.", unreachable().ipv4(kIpip4, kClient4).tcp(80, 0, "A")
      ),
      dropped(
          "An ICMPv6 error whose quoted extension header runs beyond the quote.",
          unreachable6(60).ipv6(kIpip6, kClient6).extension(60, 32).tcp(80, 40000, "A")
      ),
      dropped(
          "An ICMPv6 error that quotes a later fragment.",
          unreachable6().ipv6(kIpip6, kClient6).ipv6_fragment(5, false).udp(53, 40000).payload(8)
      ),
      dropped(
          "An ICMP error with TTL 1.",
          packet()
              .ipv4(kRouter4, kIpip4)
              .ttl(1)
              .icmp(3, 1)
              .ipv4(kIpip4, kClient4)
              .tcp(80, 40000, "A"),
          FL_REASON_TTL_EXPIRED
      ),
      dropped(
          "An ICMP error that the vip seems to have sent to itself.",
          packet().ipv4(kIpip4, kIpip4).icmp(3, 1).ipv4(kIpip4, kClient4).tcp(80, 40000, "A"),
          FL_REASON_MARTIAN_SOURCE
      ),
      dropped(
          "An ICMP error about a flow of an empty pool.",
          unreachable(kEmpty).ipv4(kEmpty, kClient4).tcp(80, 40000, "A"),
          FL_REASON_NO_BACKEND
      ),
  };
}

std::vector<PacketCase> of_the_kernel() {
  return {
      punted(
          "An ICMP error about the node's own packet is the kernel's.",
          unreachable(kNode4).ipv4(kNode4, kClient4).tcp(179, 40000, "A"),
          FL_REASON_ICMP
      ),
      punted(
          "A broken ICMP error to the node itself is the kernel's to judge.",
          unreachable(kNode4, 10).ipv4(kNode4, kClient4).tcp(179, 40000, "A"),
          FL_REASON_NO_VIP
      ),
      punted(
          "An ICMP error about a port that the vip does not serve.",
          unreachable().ipv4(kIpip4, kClient4).tcp(81, 40000, "A"),
          FL_REASON_ICMP
      ),
      punted(
          "An ICMP error about an echo reply: the kernel sent it.",
          unreachable().ipv4(kIpip4, kClient4).icmp(0, 0).payload(8),
          FL_REASON_ICMP
      ),
      punted(
          "Source quench (RFC 6633) is not relayed.",
          packet().ipv4(kRouter4, kIpip4).icmp(4, 0).ipv4(kIpip4, kClient4).tcp(80, 40000, "A"),
          FL_REASON_ICMP
      ),
      punted(
          "A redirect is not relayed.",
          packet().ipv4(kRouter4, kIpip4).icmp(5, 1).ipv4(kIpip4, kClient4).tcp(80, 40000, "A"),
          FL_REASON_ICMP
      ),
      punted(
          "A fragment of an ICMP message is the kernel's to put together.",
          packet()
              .ipv4(kRouter4, kIpip4)
              .ipv4_fragment(0, true)
              .icmp(3, 1)
              .ipv4(kIpip4, kClient4)
              .tcp(80, 40000, "A"),
          FL_REASON_ICMP
      ),
      punted(
          "So is one of an ICMPv6 message.",
          packet().ipv6(kRouter6, kIpip6).ipv6_fragment(9, true, 58).payload(16),
          FL_REASON_ICMP
      ),
      {.says = "Before a table is published an ICMP error goes to the kernel.",
       .world = {.published = false},
       .in = unreachable().ipv4(kIpip4, kClient4).tcp(80, 40000, "A"),
       .verdict = steer::Verdict::kPunt,
       .reason = FL_REASON_ICMP},
  };
}

}  // namespace

std::vector<PacketCase> icmp_error_cases() {
  std::vector<PacketCase> all = kinds_of_errors();
  for (auto* part : {carriers, owners, bad_quotes, of_the_kernel}) {
    auto rows = part();
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

}  // namespace fairlead::packet_table
