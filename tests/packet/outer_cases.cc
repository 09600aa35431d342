// SPDX-License-Identifier: BSD-3-Clause
// Rows: outer headers by configuration (source, TTL, DSCP, DF, UDP checksum).
#include "tests/packet/packet_case.hh"

namespace fairlead::packet_table {

using net::IpProto;
using net::OuterPolicy;
using testing::packet;
using testing::PacketBuilder;

namespace {

PacketCase row(std::string says, OuterPolicy outer, Frame in, Frame out) {
  return {
      .says = std::move(says),
      .world = {.outer = outer},
      .in = std::move(in),
      .out = std::move(out)};
}

Frame syn() {
  return packet().ipv4(kClient4, kIpip4).tos(0x29).tcp(40000, 80, "S");
}
PacketBuilder inner4(PacketBuilder outer) {
  return outer.ipv4(kClient4, kIpip4).tos(0x29).ttl(63).tcp(40000, 80, "S");
}

std::vector<PacketCase> header_rows() {
  return {
      row("The outer TTL is what the configuration says.",
          {.ttl = 33},
          syn(),
          inner4(sent().ipv4(kNode4, kBackend4).df().tos(0x29).ttl(33))),
      row("A fixed DSCP replaces the inner one; ECN is copied all the same (RFC 6040).",
          {.dscp = 46},
          syn(),
          inner4(sent().ipv4(kNode4, kBackend4).df().tos(46 << 2 | 1))),
      row("The same over IPv6, and the hop limit.",
          {.ttl = 7, .dscp = 0},
          packet().ipv6(kClient6, kIpip6).tos(0xb9).tcp(40000, 80, "S"),
          sent()
              .ipv6(kNode6, kBackend6)
              .tos(1)
              .ttl(7)
              .flow_label(flow_label(IpProto::kTcp, kClient6, 40000, kIpip6, 80))
              .ipv6(kClient6, kIpip6)
              .tos(0xb9)
              .ttl(63)
              .tcp(40000, 80, "S")),
      row("Without DF the outer packet has an identification.",
          {.df_clear = true},
          syn(),
          inner4(sent().ipv4(kNode4, kBackend4).id(0).tos(0x29))),
      row("DF is copied: clear inside, clear outside.",
          {.df_inner = true},
          syn(),
          inner4(sent().ipv4(kNode4, kBackend4).id(0).tos(0x29))),
      row("DF is copied: set inside, set outside.",
          {.df_inner = true},
          packet().ipv4(kClient4, kIpip4).df().tcp(40000, 80, "S"),
          sent()
              .ipv4(kNode4, kBackend4)
              .df()
              .ipv4(kClient4, kIpip4)
              .df()
              .ttl(63)
              .tcp(40000, 80, "S")),
      row("DF is copied: IPv6 inside counts as set.",
          {.df_inner = true},
          packet().ipv6(kClient6, kIpip6to4).tcp(40000, 80, "S"),
          sent().ipv4(kNode4, kBackend4).df().ipv6(kClient6, kIpip6to4).ttl(63).tcp(40000, 80, "S")
      ),
      row("Direct return has no outer header to change.",
          {.ttl = 33, .df_clear = true},
          packet().ipv4(kClient4, kL2v4).tcp(40000, 80, "S"),
          packet()
              .ether(kBackendMac, testing::kNodeMac)
              .ipv4(kClient4, kL2v4)
              .ttl(63)
              .tcp(40000, 80, "S")),
  };
}

/// Packets of known flows are wrapped eight at a time: they are changed all the same.
PacketCase of_a_known_flow() {
  const auto segment = [](const char* flags) {
    return packet().ipv4(kClient4, kIpip4).tcp(40000, 80, flags);
  };
  PacketCase out =
      row("The headers of an established flow's packets are changed too.",
          {.ttl = 33, .dscp = 10},
          segment("PA"),
          sent()
              .ipv4(kNode4, kBackend4)
              .df()
              .tos(10 << 2)
              .ttl(33)
              .ipv4(kClient4, kIpip4)
              .ttl(63)
              .tcp(40000, 80, "PA"));
  out.before = {{0, segment("S")}, {10, segment("A")}};
  return out;
}

std::string outer_source(unsigned bits, const char* base, IpProto protocol, const char* vip) {
  const std::uint64_t hash = flow_hash(protocol, kClient4, 40000, vip, 80);
  const std::uint64_t own = (hash ^ hash >> 32) >> 3 & ((std::uint64_t{1} << bits) - 1);
  net::IpAddr address = net::IpAddr::parse(base).value();
  const unsigned last = address.is_v4() ? 3 : 15;
  for (unsigned b = 0; b < 8; ++b)
    if (b * 8 < bits) address.bytes[last - b] |= static_cast<std::uint8_t>(own >> b * 8);
  return address.to_string();
}

std::vector<PacketCase> entropy_rows() {
  World four{.outer = {.entropy4 = 8}};
  four.outer_source4 = "10.99.1.0";
  World six{.outer = {.entropy6 = 20}};
  six.outer_source6 = "2001:db8:99::";
  return {
      {.says = "The low bits of an outer IPv4 source prefix are the flow's.",
       .world = four,
       .in = packet().ipv4(kClient4, kIpip4).tcp(40000, 80, "S"),
       .out = sent()
                  .ipv4(outer_source(8, "10.99.1.0", IpProto::kTcp, kIpip4), kBackend4)
                  .df()
                  .ipv4(kClient4, kIpip4)
                  .ttl(63)
                  .tcp(40000, 80, "S")},
      {.says = "So are those of an outer IPv6 source prefix.",
       .world = six,
       .in = packet().ipv4(kClient4, kIpip4to6).tcp(40000, 80, "S"),
       .out = sent()
                  .ipv6(outer_source(20, "2001:db8:99::", IpProto::kTcp, kIpip4to6), kBackend6)
                  .flow_label(flow_label(IpProto::kTcp, kClient4, 40000, kIpip4to6, 80))
                  .ipv4(kClient4, kIpip4to6)
                  .ttl(63)
                  .tcp(40000, 80, "S")},
  };
}

/// The frame with the checksum at `check` that the layer-4 header at `l4` should have, from there
/// to the frame's end; its IP header is at `ip`. By the definition, byte for byte.
Frame summed(Frame frame, std::size_t ip, std::size_t l4, std::size_t check, IpProto protocol) {
  frame[check] = frame[check + 1] = 0;
  const bool four = frame[ip] >> 4 == 4;
  const std::size_t bytes = frame.size() - l4;
  std::uint32_t sum = static_cast<std::uint32_t>(protocol) + static_cast<std::uint32_t>(bytes);
  const auto add = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) sum += (i - from) % 2 == 0 ? frame[i] * 256U : frame[i];
  };
  add(ip + (four ? 12 : 8), ip + (four ? 20 : 40));
  add(l4, frame.size());
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  const std::uint32_t value = sum == 0xffff ? 0xffff : ~sum & 0xffff;
  frame[check] = static_cast<std::uint8_t>(value >> 8);
  frame[check + 1] = static_cast<std::uint8_t>(value);
  return frame;
}

/// GUE with an outer UDP checksum; all lengths from the frame's start.
struct Nesting {
  std::size_t l4;        // inner, in front of the tunnel
  std::size_t check;     // of it, from l4 on
  std::size_t outer_l4;  // outer UDP
  std::size_t inner;     // the packet inside, behind the tunnel
};

PacketCase sum_row(
    std::string says, IpProto protocol, const Nesting& at, const Frame& in, const Frame& out
) {
  const std::size_t l4 = at.inner + at.l4 - 14;
  return row(
      std::move(says),
      {.udp_checksum = true},
      summed(in, 14, at.l4, at.l4 + at.check, protocol),
      summed(
          summed(out, at.inner, l4, l4 + at.check, protocol),
          14,
          at.outer_l4,
          at.outer_l4 + 6,
          IpProto::kUdp
      )
  );
}

/// The inner checksum covers what the UDP length says, and that is less than the packet.
PacketCase short_datagram() {
  const std::vector<std::uint8_t> datagram = {
      0x9c, 0x40, 0, 53, 0, 12, 0xab, 0xcd, 1, 2, 3, 4, 5, 6, 7, 8};
  return row(
      "Bytes behind the end of a datagram are in no checksum: none outside either.",
      {.udp_checksum = true},
      packet().ipv4(kClient4, kGue4).protocol(17).bytes(datagram),
      sent()
          .ipv4(kNode4, kBackend4)
          .df()
          .udp(gue_port(IpProto::kUdp, kClient4, 40000, kGue4, 53), 19523)
          .gue()
          .ipv4(kClient4, kGue4)
          .ttl(63)
          .protocol(17)
          .bytes(datagram)
  );
}

std::vector<PacketCase> udp_checksum_rows() {
  const auto outer4 = [](IpProto protocol, const char* client, const char* vip, std::uint16_t port
                      ) {
    return sent()
        .ipv4(kNode4, kBackend4)
        .df()
        .udp(gue_port(protocol, client, 40000, vip, port), 19523)
        .gue();
  };
  return {
      sum_row(
          "The outer UDP checksum is right without a look at the payload: TCP of IPv4.",
          IpProto::kTcp,
          {34, 16, 34, 50},
          packet().ipv4(kClient4, kGue4).tcp(40000, 80, "S").payload(7),
          outer4(IpProto::kTcp, kClient4, kGue4, 80)
              .ipv4(kClient4, kGue4)
              .ttl(63)
              .tcp(40000, 80, "S")
              .payload(7)
      ),
      sum_row(
          "The same: TCP of IPv6 over IPv4.",
          IpProto::kTcp,
          {54, 16, 34, 50},
          packet().ipv6(kClient6, kGue6to4).tcp(40000, 80, "S").payload(100),
          outer4(IpProto::kTcp, kClient6, kGue6to4, 80)
              .ipv6(kClient6, kGue6to4)
              .ttl(63)
              .tcp(40000, 80, "S")
              .payload(100)
      ),
      sum_row(
          "The same: UDP of IPv6 over IPv6.",
          IpProto::kUdp,
          {54, 6, 54, 66},
          packet().ipv6(kClient6, kGue6).udp(40000, 53).payload(31),
          sent()
              .ipv6(kNode6, kBackend6)
              .flow_label(flow_label(IpProto::kUdp, kClient6, 40000, kGue6, 53))
              .udp(gue_port(IpProto::kUdp, kClient6, 40000, kGue6, 53), 19523)
              .gue_without_list()
              .ipv6(kClient6, kGue6)
              .ttl(63)
              .udp(40000, 53)
              .payload(31)
      ),
      sum_row(
          "The same: UDP behind IPv4 options.",
          IpProto::kUdp,
          {42, 6, 34, 50},
          packet().ipv4(kClient4, kGue4).options(8).udp(40000, 53).payload(9),
          outer4(IpProto::kUdp, kClient4, kGue4, 53)
              .ipv4(kClient4, kGue4)
              .ttl(63)
              .options(8)
              .udp(40000, 53)
              .payload(9)
      ),
      row("A datagram without checksum gets none outside either.",
          {.udp_checksum = true},
          packet().ipv4(kClient4, kGue4).udp(40000, 53).payload(9),
          outer4(IpProto::kUdp, kClient4, kGue4, 53)
              .ipv4(kClient4, kGue4)
              .ttl(63)
              .udp(40000, 53)
              .payload(9)),
      short_datagram(),
  };
}

}  // namespace

std::vector<PacketCase> outer_cases() {
  std::vector<PacketCase> all = header_rows();
  all.push_back(of_a_known_flow());
  for (auto* part : {entropy_rows, udp_checksum_rows}) {
    auto rows = part();
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

}  // namespace fairlead::packet_table
