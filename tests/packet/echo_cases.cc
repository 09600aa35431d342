// SPDX-License-Identifier: BSD-3-Clause
// Rows: echo requests, which the node answers for its vips.
#include "tests/packet/packet_case.hh"
#include "tests/testing/icmp_message.hh"

namespace fairlead::packet_table {

using steer::Verdict;
using testing::echo4;
using testing::echo6;
using testing::kNodeMac;
using testing::kRouterMac;
using testing::packet;
using testing::PacketBuilder;

namespace {

/// Start of an answer: from us to the router that the packet came from.
PacketBuilder back() {
  return packet().ether(kRouterMac, kNodeMac);
}

PacketCase dropped(std::string says, World world, Frame in, fl_reason reason) {
  return {
      .says = std::move(says),
      .world = std::move(world),
      .in = std::move(in),
      .verdict = Verdict::kDrop,
      .reason = reason};
}

PacketCase echo(std::string says, Frame in, Frame out) {
  return {
      .says = std::move(says),
      .in = std::move(in),
      .verdict = Verdict::kAnswer,
      .reason = FL_REASON_ECHO,
      .out = std::move(out)};
}

PacketCase kernels(std::string says, World world, Frame in) {
  return {
      .says = std::move(says),
      .world = std::move(world),
      .in = std::move(in),
      .verdict = Verdict::kPunt,
      .reason = FL_REASON_ICMP};
}

Frame ping4(const char* to) {
  return packet().ipv4(kClient4, to).protocol(1).bytes(echo4(8, 20));
}

std::vector<PacketCase> echo_cases() {
  return {
      echo(
          "An ICMP echo request to a vip is answered, payload and identifier as they came.",
          packet()
              .ipv4(kClient4, kIpip4)
              .id(55)
              .df()
              .tos(0x2b)
              .ttl(9)
              .protocol(1)
              .bytes(echo4(8, 33)),
          back().ipv4(kIpip4, kClient4).id(55).tos(0x28).protocol(1).bytes(echo4(0, 33))
      ),
      echo(
          "An echo request to an address in a vip's prefix is answered by that address.",
          ping4(kInPrefix),
          back().ipv4(kInPrefix, kClient4).protocol(1).bytes(echo4(0, 20))
      ),
      echo(
          "TTL 1 reaches us, since we are the destination.",
          packet().ipv4(kClient4, kIpip4).ttl(1).protocol(1).bytes(echo4(8)),
          back().ipv4(kIpip4, kClient4).protocol(1).bytes(echo4(0))
      ),
      echo(
          "An echo request in a VLAN is answered in that VLAN.",
          packet().vlan(7).ipv4(kClient4, kIpip4).protocol(1).bytes(echo4(8)),
          back().vlan(7).ipv4(kIpip4, kClient4).protocol(1).bytes(echo4(0))
      ),
      echo(
          "An ICMPv6 echo request to a vip is answered.",
          packet()
              .ipv6(kClient6, kIpip6)
              .tos(0x2a)
              .flow_label(99)
              .protocol(58)
              .bytes(echo6(128, kClient6, kIpip6, 11)),
          back()
              .ipv6(kIpip6, kClient6)
              .tos(0x28)
              .protocol(58)
              .bytes(echo6(129, kIpip6, kClient6, 11))
      ),
      kernels("An echo request to the node itself is the kernel's.", {}, ping4(kNode4)),
      kernels(
          "An echo request to the node itself over IPv6 is the kernel's.",
          {},
          packet().ipv6(kClient6, kNode6).protocol(58).bytes(echo6(128, kClient6, kNode6))
      ),
      kernels(
          "A vip may leave its echo requests to the kernel.", {.kernel_echoes = true}, ping4(kIpip4)
      ),
      kernels(
          "An echo request with IP options is the kernel's.",
          {},
          packet().ipv4(kClient4, kIpip4).options(4).protocol(1).bytes(echo4(8))
      ),
      kernels(
          "A fragment of an echo request is not answered.",
          {},
          packet().ipv4(kClient4, kIpip4).ipv4_fragment(0, true).protocol(1).bytes(echo4(8))
      ),
      kernels(
          "An echo request cut off in its header is not answered.",
          {},
          packet().ipv4(kClient4, kIpip4).protocol(1).bytes({8, 0, 0, 0, 0, 1})
      ),
      kernels(
          "An echo reply to a vip is not answered.",
          {},
          packet().ipv4(kClient4, kIpip4).protocol(1).bytes(echo4(0))
      ),
      kernels(
          "Neighbour solicitation for a vip goes to the kernel.",
          {},
          packet().ipv6(kClient6, kIpip6).ttl(255).protocol(58).bytes({135, 0, 0, 0, 0, 0, 0, 0})
      ),
      dropped(
          "An echo request from a multicast address is not answered.",
          {},
          packet().ipv4("224.0.0.1", kIpip4).protocol(1).bytes(echo4(8)),
          FL_REASON_MARTIAN_SOURCE
      ),
      dropped(
          "An echo request from the vip itself is not answered.",
          {},
          packet().ipv4(kIpip4, kIpip4).protocol(1).bytes(echo4(8)),
          FL_REASON_MARTIAN_SOURCE
      ),
      dropped(
          "Echo replies that are off are not given.",
          {.icmp_echo_limit = 0},
          ping4(kIpip4),
          FL_REASON_ECHO
      ),
  };
}

PacketCase echo_flood() {
  PacketCase row = dropped(
      "Beyond the limit an echo request is dropped with a reason of its own.",
      {.icmp_echo_limit = 1},
      ping4(kIpip4),
      FL_REASON_ICMP_LIMIT
  );
  row.before.assign(33, {0, ping4(kIpip4)});
  return row;
}

}  // namespace

std::vector<PacketCase> echo_request_cases() {
  std::vector<PacketCase> all = echo_cases();
  all.push_back(echo_flood());
  return all;
}

}  // namespace fairlead::packet_table
