// SPDX-License-Identifier: BSD-3-Clause
// Rows: the MSS that SYNs offer.
#include "tests/packet/packet_case.hh"

namespace fairlead::packet_table {

using net::IpProto;
using testing::packet;
using testing::PacketBuilder;

namespace {

/// A SYN with options: a no-operation first, so that the MSS lies at an odd place.
PacketBuilder syn_with_mss(PacketBuilder head, std::uint16_t port, unsigned mss) {
  const auto high = static_cast<std::uint8_t>(mss >> 8);
  const auto low = static_cast<std::uint8_t>(mss & 0xff);
  return head.tcp(port, 80, "S").data_offset(7).bytes({1, 2, 4, high, low, 1, 1, 0});
}
Frame syn_with_mss(unsigned mss) {
  return syn_with_mss(packet().ipv4(kClient4, kIpip4), 40000, mss);
}
/// The IP packet of an untagged SYN as it goes into the tunnel, with the MSS `after` and the
/// checksum adjusted.
std::vector<std::uint8_t> lowered(
    Frame inner, std::size_t ip_bytes, unsigned before, unsigned after
) {
  // RFC 1624 on the zero checksum of the builder's TCP header: HC' = ~(~HC + ~m + m').
  std::uint32_t sum = 0xffff;
  const auto add = [&](unsigned mss, bool minus) {
    const unsigned swapped = (mss & 0xff) << 8 | mss >> 8;
    sum += minus ? ~swapped & 0xffff : swapped;
  };
  add(before, true);
  add(after, false);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  inner[14 + ip_bytes + 16] = static_cast<std::uint8_t>(~sum >> 8);
  inner[14 + ip_bytes + 17] = static_cast<std::uint8_t>(~sum);
  return {inner.begin() + 14, inner.end()};
}
Frame clamped(PacketBuilder head, unsigned before, unsigned after) {
  const Frame inner = syn_with_mss(packet().ipv4(kClient4, kIpip4).ttl(63), 40000, after);
  return head.ipv4(kNode4, kBackend4).df().protocol(4).bytes(lowered(inner, 20, before, after));
}

/// The rule of each family and encapsulation: no segment that the client sends is too big.
std::vector<PacketCase> automatic_mss_rows() {
  constexpr std::uint16_t kPort = 40751;  // its first candidate is the first of kGueMany
  const Frame six = syn_with_mss(packet().ipv6(kClient6, kIpip6).ttl(63), 40000, 1400);
  const Frame gue = syn_with_mss(packet().ipv4(kClient4, kGueMany).ttl(63), kPort, 1388);
  return {
      {.says = "Automatic: the port's MTU less outer, IP and TCP headers.",
       .world = {.mss = FL_MSS_AUTO},
       .in = syn_with_mss(1460),
       .out = clamped(sent(), 1460, 1440)},
      {.says = "The MSS of IPv6 is not that of IPv4: both IP headers take 20 bytes more.",
       .world = {.mss = FL_MSS_AUTO},
       .in = syn_with_mss(packet().ipv6(kClient6, kIpip6), 40000, 1440),
       .out = sent()
                  .ipv6(kNode6, kBackend6)
                  .flow_label(flow_label(IpProto::kTcp, kClient6, 40000, kIpip6, 80))
                  .protocol(41)
                  .bytes(lowered(six, 40, 1440, 1400))},
      {.says = "Over GUE it leaves room for the hops that clients are told of: 1428 less 40 bytes.",
       .world = {.mss = FL_MSS_AUTO},
       .in = syn_with_mss(packet().ipv4(kClient4, kGueMany), kPort, 1460),
       .out = sent()
                  .ipv4(kNode4, "10.0.1.0")
                  .df()
                  .udp(gue_port(IpProto::kTcp, kClient4, kPort, kGueMany, 80), 19523)
                  .bytes({1, 4, 0, 0, 0, 0, 0, 0})
                  .bytes(lowered(gue, 20, 1460, 1388))},
      {.says = "A VLAN tag takes four bytes of the MSS.",
       .world = {.mss = FL_MSS_AUTO},
       .in = syn_with_mss(packet().vlan(7).ipv4(kClient4, kIpip4), 40000, 1460),
       .out = clamped(sent().vlan(7), 1460, 1436)},
  };
}

/// A SYN with two MSS options, the second at an odd place, and a smaller limit than its last one.
Frame syn_with_two(PacketBuilder head, unsigned first, unsigned second) {
  const auto high = [](unsigned mss) { return static_cast<std::uint8_t>(mss >> 8); };
  const auto low = [](unsigned mss) { return static_cast<std::uint8_t>(mss & 0xff); };
  return head.tcp(40000, 80, "S")
      .data_offset(8)
      .bytes({2, 4, high(first), low(first), 1, 2, 4, high(second), low(second), 1, 1, 0});
}

std::vector<PacketCase> several_mss_rows() {
  const PacketBuilder in = packet().ipv4(kClient4, kIpip4);
  const Frame inner = syn_with_two(packet().ipv4(kClient4, kIpip4).ttl(63), 500, 1200);
  return {
      {.says = "Of two MSS options the last counts, for Linux: both are lowered.",
       .world = {.mss = 1200},
       .in = syn_with_two(in, 500, 1460),
       .out =
           sent().ipv4(kNode4, kBackend4).df().protocol(4).bytes(lowered(inner, 20, 1460, 1200))},
      {.says = "An MSS option of a wrong length has no value: the next one is lowered.",
       .world = {.mss = 1200},
       .in = PacketBuilder(in).tcp(40000, 80, "S").data_offset(7).bytes({2, 3, 5, 2, 4, 5, 180, 0}),
       .out = sent()
                  .ipv4(kNode4, kBackend4)
                  .df()
                  .protocol(4)
                  .bytes(lowered(
                      packet()
                          .ipv4(kClient4, kIpip4)
                          .ttl(63)
                          .tcp(40000, 80, "S")
                          .data_offset(7)
                          .bytes({2, 3, 5, 2, 4, 4, 176, 0}),
                      20,
                      1460,
                      1200
                  ))},
  };
}

std::vector<PacketCase> mss_rows() {
  return {
      {.says = "A SYN offers no more than the vip's MSS.",
       .world = {.mss = 1200},
       .in = syn_with_mss(1460),
       .out = clamped(sent(), 1460, 1200)},
      {.says = "A smaller offer stays.",
       .world = {.mss = 1200},
       .in = syn_with_mss(536),
       .out = syn_with_mss(
           sent().ipv4(kNode4, kBackend4).df().ipv4(kClient4, kIpip4).ttl(63), 40000, 536
       )},
      {.says = "A SYN without the option stays as it is.",
       .world = {.mss = 1200},
       .in = packet().ipv4(kClient4, kIpip4).tcp(40000, 80, "S"),
       .out =
           sent().ipv4(kNode4, kBackend4).df().ipv4(kClient4, kIpip4).ttl(63).tcp(40000, 80, "S")},
  };
}

}  // namespace

std::vector<PacketCase> mss_cases() {
  std::vector<PacketCase> all = mss_rows();
  for (auto* part : {several_mss_rows, automatic_mss_rows}) {
    auto rows = part();
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

}  // namespace fairlead::packet_table
