// SPDX-License-Identifier: BSD-3-Clause
// Rows: ICMPv6 "packet too big", and what it must not quote.
#include "tests/packet/packet_case.hh"

namespace fairlead::packet_table {

using testing::packet;
using testing::PacketBuilder;

namespace {

constexpr const char* kRouter6 = "2001:db8:99::1";

PacketBuilder too_big(std::size_t quoted = 65535) {
  return packet().ipv6(kRouter6, kIpip6).icmp(2, 0, 1280, quoted);
}

PacketCase dropped(std::string says, Frame in, fl_reason reason = FL_REASON_BAD_ICMP_ERROR) {
  return {
      .says = std::move(says),
      .in = std::move(in),
      .verdict = steer::Verdict::kDrop,
      .reason = reason};
}
PacketCase punted(std::string says, Frame in) {
  return {
      .says = std::move(says),
      .in = std::move(in),
      .verdict = steer::Verdict::kPunt,
      .reason = FL_REASON_ICMP};
}

}  // namespace

std::vector<PacketCase> icmp6_error_cases() {
  return {
      dropped(
          "An ICMPv6 \"packet too big\" to one vip that quotes a packet of another.",
          too_big().ipv6(kIpip6to4, kClient6).tcp(80, 40000, "A").payload(1100)
      ),
      dropped(
          "One whose quoted source differs from the vip in the first half alone.",
          too_big().ipv6("2001:db9::10", kClient6).tcp(80, 40000, "A")
      ),
      dropped(
          "An ICMPv6 \"packet too big\" that quotes a packet to the vip instead of one from it.",
          too_big().ipv6(kClient6, kIpip6).tcp(40000, 80, "A")
      ),
      dropped(
          "An ICMPv6 \"packet too big\" that quotes IPv4.",
          too_big().ipv4(kIpip4, kClient4).tcp(80, 40000, "A").payload(20)
      ),
      dropped(
          "One whose quoted header is that of IPv6 but for its version.",
          too_big().ipv6(kIpip6, kClient6).version(4).tcp(80, 40000, "A")
      ),
      dropped(
          "An ICMPv6 \"packet too big\" that quotes 7 bytes of TCP.",
          too_big(47).ipv6(kIpip6, kClient6).tcp(80, 40000, "A")
      ),
      dropped(
          "An ICMPv6 \"packet too big\" that quotes port 0.",
          too_big().ipv6(kIpip6, kClient6).tcp(80, 0, "A")
      ),
      dropped("An ICMPv6 \"packet too big\" that quotes nothing.", too_big()),
      dropped(
          "An ICMPv6 \"packet too big\" with hop limit 1.",
          packet()
              .ipv6(kRouter6, kIpip6)
              .ttl(1)
              .icmp(2, 0, 1280)
              .ipv6(kIpip6, kClient6)
              .tcp(80, 40000, "A"),
          FL_REASON_TTL_EXPIRED
      ),
      dropped(
          "An ICMPv6 \"packet too big\" that the vip seems to have sent to itself.",
          packet().ipv6(kIpip6, kIpip6).icmp(2, 0, 1280).ipv6(kIpip6, kClient6).tcp(80, 4000, "A"),
          FL_REASON_MARTIAN_SOURCE
      ),
      punted(
          "An ICMPv6 \"packet too big\" about the node's own packet is the kernel's.",
          packet().ipv6(kRouter6, kNode6).icmp(2, 0, 1280).ipv6(kNode6, kClient6).tcp(179, 4, "A")
      ),
      punted(
          "An ICMPv6 \"packet too big\" about a port that the vip does not serve.",
          too_big().ipv6(kIpip6, kClient6).tcp(81, 40000, "A")
      ),
      punted(
          "ICMPv6 type 5, the first that is no error known today, is the kernel's.",
          packet().ipv6(kRouter6, kIpip6).icmp(5, 0).ipv6(kIpip6, kClient6).tcp(80, 40000, "A")
      ),
      punted(
          "So is a neighbour solicitation to the vip.",
          packet().ipv6(kRouter6, kIpip6).icmp(135, 0).ipv6(kIpip6, kClient6).tcp(80, 40000, "A")
      ),
  };
}

}  // namespace fairlead::packet_table
