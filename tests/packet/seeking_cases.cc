// SPDX-License-Identifier: BSD-3-Clause
// Rows: TCP in mid-life whose backend is a guess: GUE names the others to ask.
#include "tests/packet/packet_case.hh"

namespace fairlead::packet_table {

using net::IpProto;
using testing::packet;
using testing::PacketBuilder;

namespace {

Frame to_pair(const char* flags) {
  return packet().ipv4(kClient4, kGuePair).tcp(40000, 80, flags);
}
PacketBuilder outer(const char* backend) {
  return sent()
      .ipv4(kNode4, backend)
      .df()
      .udp(gue_port(IpProto::kTcp, kClient4, 40000, kGuePair, 80), 19523);
}
Frame without_hops(const char* flags) {
  return outer(kBackend4).gue().ipv4(kClient4, kGuePair).ttl(63).tcp(40000, 80, flags);
}
Frame with_hop(const char* flags) {
  return outer(kBackend4).gue({kSecond4}).ipv4(kClient4, kGuePair).ttl(63).tcp(40000, 80, flags);
}

/// One slot, which the second backend owned before the first.
World moved() {
  return {.gue_slots = {0}, .gue_earlier = {1}};
}

PacketCase row(std::string says, World world, std::vector<Step> before, Frame in, Frame out) {
  return {
      .says = std::move(says),
      .world = std::move(world),
      .before = std::move(before),
      .in = std::move(in),
      .out = std::move(out)};
}

/// The first 24 bytes of a TCP segment in mid-life, and its next 8.
Frame first_fragment() {
  return packet()
      .ipv4(kClient4, kGuePair)
      .id(9)
      .ipv4_fragment(0, true)
      .tcp(40000, 80, "A")
      .payload(4);
}
Frame last_fragment() {
  return packet().ipv4(kClient4, kGuePair).id(9).protocol(6).ipv4_fragment(3, false).payload(8);
}
PacketBuilder fragment_at(const char* backend) {
  return sent()
      .ipv4(kNode4, backend)
      .df()
      .udp(fragment_gue_port(IpProto::kTcp, kClient4, kGuePair, 9), 19523)
      .gue()
      .ipv4(kClient4, kGuePair)
      .ttl(63)
      .id(9);
}

/// What a router says about a packet of the vip to the client.
constexpr const char* kRouter4 = "192.0.2.99";
PacketBuilder about_connection(PacketBuilder head) {
  return head.icmp(3, 4, 1400).ipv4(kGuePair, kClient4).df().tcp(80, 40000, "A").payload(20);
}
Frame error_in() {
  return about_connection(packet().ipv4(kRouter4, kGuePair));
}

Frame full_size(unsigned payload) {
  return packet().ipv4(kClient4, kGuePair).tcp(40000, 80, "A").payload(payload);
}

}  // namespace

std::vector<PacketCase> seeking_cases() {
  return {
      row("An ACK of an unknown connection goes to the first candidate, with the slot's earlier "
          "owner as a hop.",
          moved(),
          {},
          to_pair("A"),
          with_hop("A")),
      row("So does a FIN of an unknown connection.", moved(), {}, to_pair("FA"), with_hop("FA")),
      row("And a RST.", moved(), {}, to_pair("R"), with_hop("R")),
      row("Later packets of such a connection carry the hop too: its backend stays a guess.",
          moved(),
          {{0, to_pair("A")}, {10, to_pair("A")}},
          to_pair("PA"),
          with_hop("PA")),
      row("A SYN begins here: it has no hops.", moved(), {}, to_pair("S"), without_hops("S")),
      row("A connection that began here has no hops.",
          moved(),
          {{0, to_pair("S")}, {10, to_pair("A")}},
          to_pair("PA"),
          without_hops("PA")),
      row("Nobody else owned the slot, as far as is known: the rest of a small pool is asked.",
          {.gue_slots = {0}},
          {},
          to_pair("A"),
          with_hop("A")),
      row("Not one that is down.",
          {.second = FL_MEMBER_DOWN, .gue_slots = {0}},
          {},
          to_pair("A"),
          without_hops("A")),
      row("Behind the slot is another's: the connection may have gone there if its candidates were "
          "ejected when it began.",
          {.gue_slots = {0, 0, 0, 0, 0, 0, 0, 1}},
          {},
          to_pair("A"),
          with_hop("A")),
      row("Not one whose member is down.",
          {.second = FL_MEMBER_DOWN, .gue_slots = {0, 0, 0, 0, 0, 0, 0, 1}},
          {},
          to_pair("A"),
          without_hops("A")),
      row("An earlier owner that drains is asked, since it keeps its flows.",
          {.second = FL_MEMBER_DRAINING, .gue_slots = {0}, .gue_earlier = {1}},
          {},
          to_pair("A"),
          with_hop("A")),
      row("An earlier owner that is down is not: the packet would end there.",
          {.second = FL_MEMBER_DOWN, .gue_slots = {0}, .gue_earlier = {1}},
          {},
          to_pair("A"),
          without_hops("A")),
      row("With full-size packets as many hops go along as fit: here none.",
          moved(),
          {},
          full_size(1500 - 40 - 36),
          outer(kBackend4)
              .gue()
              .ipv4(kClient4, kGuePair)
              .ttl(63)
              .tcp(40000, 80, "A")
              .payload(1500 - 40 - 36)),
      row("With the headroom for just one hop, one goes along.",
          {.headroom = 40, .gue_slots = {0}, .gue_earlier = {1}},
          {},
          to_pair("A"),
          with_hop("A")),
      row("Without headroom for the hop the packet goes without.",
          {.headroom = 39, .gue_slots = {0}, .gue_earlier = {1}},
          {},
          to_pair("A"),
          without_hops("A")),
      row("Hops towards IPv6 backends are IPv6 addresses, private type 1.",
          moved(),
          {},
          packet().ipv4(kClient4, kGuePair6).tcp(40000, 80, "A"),
          sent()
              .ipv6(kNode6, kBackend6)
              .flow_label(flow_label(IpProto::kTcp, kClient4, 40000, kGuePair6, 80))
              .udp(gue_port(IpProto::kTcp, kClient4, 40000, kGuePair6, 80), 19523)
              .gue({kSecond6})
              .ipv4(kClient4, kGuePair6)
              .ttl(63)
              .tcp(40000, 80, "A")),
      row("A fragment of an unknown connection has no hops: the later ones have no ports to ask "
          "about, and all have to meet.",
          moved(),
          {},
          first_fragment(),
          fragment_at(kBackend4).ipv4_fragment(0, true).tcp(40000, 80, "A").payload(4)),
      row("Its later fragment goes the same way.",
          moved(),
          {{0, first_fragment()}},
          last_fragment(),
          fragment_at(kBackend4).protocol(6).ipv4_fragment(3, false).payload(8)),
      row("Nor has one of a connection that whole packets have made known as a guess.",
          moved(),
          {{0, to_pair("A")}},
          first_fragment(),
          fragment_at(kBackend4).ipv4_fragment(0, true).tcp(40000, 80, "A").payload(4)),
      row("An ICMP error about an unknown connection carries the hop: the owner must hear of it.",
          moved(),
          {},
          error_in(),
          about_connection(outer(kBackend4).gue({kSecond4}).ipv4(kRouter4, kGuePair).ttl(63))),
      row("So does one about a connection that is known as a guess.",
          moved(),
          {{0, to_pair("A")}},
          error_in(),
          about_connection(outer(kBackend4).gue({kSecond4}).ipv4(kRouter4, kGuePair).ttl(63))),
      row("An ICMP error about a connection that began here has none.",
          moved(),
          {{0, to_pair("S")}, {10, to_pair("A")}},
          error_in(),
          about_connection(outer(kBackend4).gue().ipv4(kRouter4, kGuePair).ttl(63))),
  };
}

}  // namespace fairlead::packet_table
