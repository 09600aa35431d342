// SPDX-License-Identifier: BSD-3-Clause
// Rows: fragments. All of a datagram go to one backend, the backend of its flow, in any order.
#include "tests/packet/packet_case.hh"

namespace fairlead::packet_table {

using net::IpProto;
using testing::packet;
using testing::PacketBuilder;

namespace {

constexpr std::uint32_t kId6 = 0x11223344;

// A UDP datagram of 1600 bytes and its header, in three fragments: 800, 800 and 8 bytes.
PacketBuilder first4(const char* vip, std::uint16_t id = 77) {
  return packet()
      .ipv4(kClient4, vip)
      .id(id)
      .ipv4_fragment(0, true)
      .udp(40000, 53)
      .udp_length(1608)
      .payload(792);
}
PacketBuilder middle4(const char* vip, std::uint16_t id = 77) {
  return packet().ipv4(kClient4, vip).id(id).protocol(17).ipv4_fragment(100, true).payload(800);
}
PacketBuilder last4(const char* vip, std::uint16_t id = 77) {
  return packet().ipv4(kClient4, vip).id(id).protocol(17).ipv4_fragment(200, false).payload(8);
}
PacketBuilder first6(const char* vip) {
  return packet()
      .ipv6(kClient6, vip)
      .ipv6_fragment(0, true)
      .udp(40000, 53)
      .udp_length(1608)
      .payload(792);
}
PacketBuilder last6(const char* vip) {
  return packet().ipv6(kClient6, vip).ipv6_fragment(200, false, 17).payload(8);
}

/// What an IPIP backend over IPv4 gets of a frame that came from kClient4.
PacketBuilder to4(const char* vip, const char* backend = kBackend4) {
  return sent().ipv4(kNode4, backend).df().ipv4(kClient4, vip).ttl(63);
}
Frame first_at(const char* vip, const char* backend = kBackend4, std::uint16_t id = 77) {
  return to4(vip, backend)
      .id(id)
      .ipv4_fragment(0, true)
      .udp(40000, 53)
      .udp_length(1608)
      .payload(792);
}
Frame last_at(const char* vip, const char* backend = kBackend4, std::uint16_t id = 77) {
  return to4(vip, backend).id(id).protocol(17).ipv4_fragment(200, false).payload(8);
}

std::vector<PacketCase> in_order() {
  const std::uint32_t label = fragment_flow_label(kClient6, kIpip6, kId6);
  const std::uint16_t port = fragment_gue_port(IpProto::kUdp, kClient4, kGue4, 77);
  return {
      {.says = "The first fragment of a datagram goes the way of its flow.",
       .in = first4(kIpip4),
       .out = first_at(kIpip4)},
      {.says = "A later fragment follows the first one.",
       .before = {{0, first4(kIpip4)}},
       .in = last4(kIpip4),
       .out = last_at(kIpip4)},
      {.says = "A later fragment follows after the middle one.",
       .before = {{0, first4(kIpip4)}, {1000, middle4(kIpip4)}},
       .after_ms = 1900,
       .in = last4(kIpip4),
       .out = last_at(kIpip4)},
      {.says = "An IPv6 first fragment; outer entropy is the datagram's, not the flow's.",
       .in = first6(kIpip6),
       .out = sent()
                  .ipv6(kNode6, kBackend6)
                  .flow_label(label)
                  .ipv6(kClient6, kIpip6)
                  .ttl(63)
                  .ipv6_fragment(0, true)
                  .udp(40000, 53)
                  .udp_length(1608)
                  .payload(792)},
      {.says = "An IPv6 later fragment has the same outer entropy.",
       .before = {{0, first6(kIpip6)}},
       .in = last6(kIpip6),
       .out = sent()
                  .ipv6(kNode6, kBackend6)
                  .flow_label(label)
                  .ipv6(kClient6, kIpip6)
                  .ttl(63)
                  .ipv6_fragment(200, false, 17)
                  .payload(8)},
      {.says = "A later fragment in a GUE tunnel, behind a VLAN tag.",
       .before = {{0, first4(kGue4)}},
       .in = packet()
                 .vlan(7)
                 .ipv4(kClient4, kGue4)
                 .id(77)
                 .protocol(17)
                 .ipv4_fragment(200, false)
                 .payload(8),
       .out = sent()
                  .vlan(7)
                  .ipv4(kNode4, kBackend4)
                  .df()
                  .udp(port, 19523)
                  .gue()
                  .ipv4(kClient4, kGue4)
                  .ttl(63)
                  .id(77)
                  .protocol(17)
                  .ipv4_fragment(200, false)
                  .payload(8)},
      {.says = "TCP may be fragmented too.",
       .before =
           {{0,
             packet()
                 .ipv4(kClient4, kIpip4)
                 .id(5)
                 .ipv4_fragment(0, true)
                 .tcp(40000, 80, "A")
                 .payload(12)}},
       .in = packet().ipv4(kClient4, kIpip4).id(5).protocol(6).ipv4_fragment(4, false).payload(3),
       .out = to4(kIpip4).id(5).protocol(6).ipv4_fragment(4, false).payload(3)},
      {.says = "An atomic IPv6 fragment is a whole packet.",
       .in = packet().ipv6(kClient6, kIpip6to4).ipv6_fragment(0, false).tcp(40000, 80, "S"),
       .out = sent()
                  .ipv4(kNode4, kBackend4)
                  .df()
                  .ipv6(kClient6, kIpip6to4)
                  .ttl(63)
                  .ipv6_fragment(0, false)
                  .tcp(40000, 80, "S")},
  };
}

std::vector<PacketCase> with_their_flow() {
  const Frame whole = packet().ipv4(kClient4, kPairUdp).udp(40000, 53).payload(5);
  return {
      {.says = "A first fragment stays with its flow when the table has changed.",
       .before = {{0, whole}},
       .then = World{.pair_slots = {1}},
       .in = first4(kPairUdp),
       .out = first_at(kPairUdp)},
      {.says = "A later fragment stays with its first one when the table has changed.",
       .before = {{0, first4(kPairUdp)}},
       .then = World{.pair_slots = {1}},
       .in = last4(kPairUdp),
       .out = last_at(kPairUdp)},
      {.says = "A flow that begins with a fragment goes on there with whole packets.",
       .before = {{0, first4(kPairUdp)}},
       .then = World{.pair_slots = {1}},
       .in = whole,
       .out = to4(kPairUdp).udp(40000, 53).payload(5)},
      {.says = "A flow of fragments only does not time out while they come.",
       .before = {{0, first4(kPairUdp, 1)}, {10000, first4(kPairUdp, 2)}},
       .then = World{.pair_slots = {1}},
       .after_ms = 40000,
       .in = first4(kPairUdp, 3),
       .out = first_at(kPairUdp, kBackend4, 3)},
      {.says = "A later fragment whose backend went down since the first one is dropped.",
       .before = {{0, first4(kPairUdp)}},
       .then = World{.first = FL_MEMBER_DOWN, .pair_slots = {1}},
       .in = last4(kPairUdp),
       .verdict = steer::Verdict::kDrop,
       .reason = FL_REASON_FRAGMENT},
      {.says = "An identification that comes round again names the newer datagram.",
       .world = {.pair_slots = {0}},
       .before = {{0, first4(kPairUdp)}},
       .then = World{.first = FL_MEMBER_DOWN, .pair_slots = {1}},
       .in = first4(kPairUdp),
       .out = first_at(kPairUdp, kSecond4)},
  };
}

std::vector<PacketCase> out_of_order() {
  return {
      {.says = "A later fragment that comes first waits.",
       .in = last4(kIpip4),
       .verdict = steer::Verdict::kWait},
      {.says = "An IPv6 later fragment that comes first waits.",
       .in = last6(kIpip6),
       .verdict = steer::Verdict::kWait},
      {.says = "The first fragment sets those free that waited for it.",
       .before = {{0, last4(kIpip4)}, {100, middle4(kIpip4)}},
       .after_ms = 50,
       .in = first4(kIpip4),
       .out = first_at(kIpip4),
       .released =
           {last_at(kIpip4),
            to4(kIpip4).id(77).protocol(17).ipv4_fragment(100, true).payload(800)}},
      {.says = "Those of another datagram go on waiting.",
       .before = {{0, last4(kIpip4, 78)}},
       .in = first4(kIpip4),
       .out = first_at(kIpip4)},
      {.says = "After 200 ms nobody waits any longer.",
       .before = {{0, last4(kIpip4)}},
       .after_ms = 201,
       .in = first4(kIpip4),
       .out = first_at(kIpip4)},
      {.says = "Two seconds after the last fragment a datagram is forgotten.",
       .before = {{0, first4(kIpip4)}},
       .after_ms = 2001,
       .in = last4(kIpip4),
       .verdict = steer::Verdict::kWait},
  };
}

PacketCase dropped(std::string says, Frame in, fl_reason reason = FL_REASON_BAD_FRAGMENT) {
  return {
      .says = std::move(says),
      .in = std::move(in),
      .verdict = steer::Verdict::kDrop,
      .reason = reason};
}

PacketBuilder piece(std::uint8_t protocol, std::uint16_t units, bool more, unsigned bytes) {
  return packet()
      .ipv4(kClient4, kIpip4)
      .protocol(protocol)
      .ipv4_fragment(units, more)
      .payload(bytes);
}

std::vector<PacketCase> hostile() {
  return {
      dropped(
          "A first fragment with 7 bytes of UDP is no whole header (and no multiple of 8).",
          piece(17, 0, true, 7)
      ),
      dropped("A tiny first fragment: 8 bytes of TCP (RFC 1858).", piece(6, 0, true, 8)),
      dropped("A tiny first fragment: 16 bytes of TCP, ports but no flags.", piece(6, 0, true, 16)),
      dropped("A fragment at 8 bytes would overwrite TCP flags (RFC 3128).", piece(6, 1, true, 16)),
      dropped(
          "A fragment at 16 bytes would overwrite the end of a TCP header.", piece(6, 2, false, 9)
      ),
      dropped(
          "A fragment that ends beyond 65535 bytes (ping of death).", piece(17, 8189, false, 30)
      ),
      dropped("An empty later fragment.", piece(17, 10, true, 0)),
      dropped(
          "A fragment that more follow and that is no multiple of 8 long.", piece(17, 10, true, 12)
      ),
      dropped(
          "An IPv6 fragment over the TCP header.",
          packet().ipv6(kClient6, kIpip6).ipv6_fragment(1, true, 6).payload(16)
      ),
      dropped(
          "An IPv6 first fragment without its whole header chain (RFC 7112).",
          packet()
              .ipv6(kClient6, kIpip6)
              .ipv6_fragment(0, true, 60)
              .bytes({17, 1, 0, 0, 0, 0, 0, 0})
      ),
      dropped(
          "An IPv6 first fragment that ends inside its TCP header.",
          packet().ipv6(kClient6, kIpip6).ipv6_fragment(0, true, 6).payload(16)
      ),
      dropped(
          "Two Fragment headers in one packet.",
          packet()
              .ipv6(kClient6, kIpip6)
              .ipv6_fragment(0, true)
              .ipv6_fragment(0, true)
              .udp(40000, 53)
              .payload(8)
      ),
      dropped(
          "An IPv6 fragment that ends beyond 65535 bytes.",
          packet().ipv6(kClient6, kIpip6).ipv6_fragment(8190, false, 17).payload(30)
      ),
      dropped(
          "A first fragment with a data offset below 20 bytes.",
          packet()
              .ipv4(kClient4, kIpip4)
              .ipv4_fragment(0, true)
              .tcp(40000, 80, "A")
              .data_offset(4)
              .payload(4),
          FL_REASON_BAD_TCP_HEADER
      ),
      dropped(
          "A first fragment with a UDP length below 8.",
          packet()
              .ipv4(kClient4, kIpip4)
              .ipv4_fragment(0, true)
              .udp(40000, 53)
              .udp_length(7)
              .payload(8),
          FL_REASON_BAD_UDP_LENGTH
      ),
      dropped(
          "A first fragment with port 0.",
          packet().ipv4(kClient4, kIpip4).ipv4_fragment(0, true).udp(0, 53).payload(8),
          FL_REASON_ZERO_PORT
      ),
      dropped(
          "A fragment of a TCP segment with SYN and FIN.",
          packet().ipv4(kClient4, kIpip4).ipv4_fragment(0, true).tcp(40000, 80, "SF").payload(4),
          FL_REASON_BAD_TCP_FLAGS
      ),
      dropped(
          "A later fragment with TTL 1.",
          packet().ipv4(kClient4, kIpip4).ttl(1).protocol(17).ipv4_fragment(9, false).payload(8),
          FL_REASON_TTL_EXPIRED
      ),
      dropped(
          "A later fragment from the vip itself.",
          packet().ipv4(kIpip4, kIpip4).protocol(17).ipv4_fragment(9, false).payload(8),
          FL_REASON_MARTIAN_SOURCE
      ),
      dropped("A fragment of GRE to a vip.", piece(47, 9, false, 8), FL_REASON_UNSUPPORTED_L4),
      dropped(
          "An IPv6 fragment of ESP to a vip.",
          packet().ipv6(kClient6, kIpip6).ipv6_fragment(9, false, 50).payload(8),
          FL_REASON_UNSUPPORTED_L4
      ),
      dropped(
          "A first fragment for an empty pool.",
          packet().ipv4(kClient4, kEmpty).ipv4_fragment(0, true).tcp(40000, 80, "S").payload(4),
          FL_REASON_NO_BACKEND
      ),
      {.says = "A later fragment of a datagram that was dropped is dropped, and does not wait.",
       .before =
           {{0,
             packet()
                 .ipv4(kClient4, kEmpty)
                 .ipv4_fragment(0, true)
                 .tcp(40000, 80, "S")
                 .payload(4)}},
       .in = packet().ipv4(kClient4, kEmpty).protocol(6).ipv4_fragment(3, false).payload(4),
       .verdict = steer::Verdict::kDrop,
       .reason = FL_REASON_FRAGMENT},
      {.says = "The other fragments go with a first one that had no next hop yet.",
       .world = {.gateways_resolved = false},
       .before = {{0, first4(kIpip4)}},
       .then = World{},
       .in = last4(kIpip4),
       .verdict = steer::Verdict::kDrop,
       .reason = FL_REASON_FRAGMENT},
      {.says = "And with one whose buffer had too little room in front.",
       .world = {.headroom = 19},
       .before = {{0, first4(kIpip4)}},
       .then = World{},
       .in = last4(kIpip4),
       .verdict = steer::Verdict::kDrop,
       .reason = FL_REASON_FRAGMENT},
      {.says = "A fragment inside an earlier one (teardrop) goes to the same backend, which "
               "refuses it.",
       .before = {{0, first4(kIpip4)}},
       .in = packet().ipv4(kClient4, kIpip4).id(77).protocol(17).ipv4_fragment(3, false).payload(4),
       .out = to4(kIpip4).id(77).protocol(17).ipv4_fragment(3, false).payload(4)},
  };
}

std::vector<PacketCase> of_the_kernel() {
  const Frame other_port =
      packet().ipv4(kClient4, kIpip4).ipv4_fragment(0, true).udp(40000, 54).payload(8);
  return {
      {.says = "A first fragment to a port that the vip does not serve is the kernel's.",
       .in = other_port,
       .verdict = steer::Verdict::kPunt,
       .reason = FL_REASON_NO_VIP},
      {.says = "So are the later ones of that datagram.",
       .before = {{0, other_port}},
       .in = packet().ipv4(kClient4, kIpip4).protocol(17).ipv4_fragment(2, false).payload(8),
       .verdict = steer::Verdict::kPunt,
       .reason = FL_REASON_NO_VIP},
      {.says = "A later fragment for the node itself does not wait here.",
       .in = packet().ipv4(kClient4, kNode4).protocol(17).ipv4_fragment(2, false).payload(8),
       .verdict = steer::Verdict::kPunt,
       .reason = FL_REASON_NO_VIP},
      {.says = "A malformed fragment for the node itself is the kernel's to drop.",
       .in = packet().ipv4(kClient4, kNode4).protocol(6).ipv4_fragment(1, false).payload(8),
       .verdict = steer::Verdict::kPunt,
       .reason = FL_REASON_NO_VIP},
  };
}

}  // namespace

std::vector<PacketCase> fragment_cases() {
  std::vector<PacketCase> all = in_order();
  for (auto* part : {with_their_flow, out_of_order, hostile, of_the_kernel}) {
    auto rows = part();
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

}  // namespace fairlead::packet_table
