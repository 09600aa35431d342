// SPDX-License-Identifier: BSD-3-Clause
// Rows: hop lists that name all who may have a connection: candidates, reserves, and who had their
// slots before. Slot s of kGueMany is backend s's.
#include "tests/packet/packet_case.hh"
#include "tests/testing/icmp_message.hh"

namespace fairlead::packet_table {

using net::IpProto;
using testing::packet;
using testing::PacketBuilder;

namespace {

/// Clients by their candidates among ten slots (tests/oracle/flow_hash.py).
constexpr std::uint16_t kSlots0468 = 40751;    // to kGueMany
constexpr std::uint16_t kSlots046Of6 = 40540;  // to kGueMany6
constexpr std::uint16_t kSlots0468Of6 = 45671;

/// Another past, so that four candidates have four earlier owners.
const std::vector<std::uint32_t> kPastOfFour = {3, 5, 0, 0, 7, 0, 9, 0, 2, 0};

std::vector<std::string> backends(const char* network, const std::vector<int>& numbers) {
  std::vector<std::string> out;
  for (const int number : numbers) out.push_back(network + std::to_string(number));
  return out;
}

PacketBuilder of_client(PacketBuilder head, const char* vip, std::uint16_t port) {
  return head.ipv4(kClient4, vip).df().tcp(port, 80, "A");
}
Frame ack(const char* vip, std::uint16_t port, unsigned payload = 0) {
  return of_client(packet(), vip, port).payload(payload);
}
Frame over4(std::uint16_t port, const std::vector<int>& hops, unsigned payload = 0) {
  return sent()
      .ipv4(kNode4, "10.0.1.0")
      .df()
      .udp(gue_port(IpProto::kTcp, kClient4, port, kGueMany, 80), 19523)
      .gue(backends("10.0.1.", hops))
      .ipv4(kClient4, kGueMany)
      .df()
      .ttl(63)
      .tcp(port, 80, "A")
      .payload(payload);
}
Frame over6(std::uint16_t port, const std::vector<int>& hops, unsigned payload = 0) {
  return sent()
      .ipv6(kNode6, "2001:db8:0:b::10")
      .flow_label(flow_label(IpProto::kTcp, kClient4, port, kGueMany6, 80))
      .udp(gue_port(IpProto::kTcp, kClient4, port, kGueMany6, 80), 19523)
      .gue(backends("2001:db8:0:b::1", hops))
      .ipv4(kClient4, kGueMany6)
      .df()
      .ttl(63)
      .tcp(port, 80, "A")
      .payload(payload);
}

PacketCase told(std::string says, const char* vip, std::uint16_t port, std::uint16_t mtu) {
  const Frame in = ack(vip, port, 1460);
  return {
      .says = std::move(says),
      .in = in,
      .verdict = steer::Verdict::kAnswer,
      .reason = FL_REASON_TOO_BIG,
      .out = packet()
                 .ether(testing::kRouterMac, testing::kNodeMac)
                 .ipv4(vip, kClient4)
                 .tos(0xc0)
                 .df()
                 .protocol(1)
                 .bytes(testing::fragmentation_needed(mtu, in))};
}

}  // namespace

std::vector<PacketCase> hop_list_cases() {
  const World buffer{.buffer_bytes = 2176};
  const World four{.buffer_bytes = 2176, .many_earlier = kPastOfFour, .many_choices = 4};
  return {
      {.says = "Three candidates, two reserves, and who had these five slots before: nine hops.",
       .in = ack(kGueMany, kSlots0468),
       .out = over4(kSlots0468, {4, 6, 1, 2, 3, 8, 9, 7, 5})},
      {.says = "The largest packet that a client is told to send has room for all of them.",
       .in = ack(kGueMany, kSlots0468, 1428 - 40),
       .out = over4(kSlots0468, {4, 6, 1, 2, 3, 8, 9, 7, 5}, 1428 - 40)},
      {.says = "One byte more, and the last one stays behind.",
       .in = ack(kGueMany, kSlots0468, 1429 - 40),
       .out = over4(kSlots0468, {4, 6, 1, 2, 3, 8, 9, 7}, 1429 - 40)},
      told("1428 bytes is what a client is told.", kGueMany, kSlots0468, 1428),
      {.says = "Four candidates have one reserve.",
       .world = four,
       .in = ack(kGueMany, kSlots0468),
       .out = over4(kSlots0468, {4, 6, 8, 1, 3, 7, 9, 2, 5})},
      {.says = "Two have one as well; the rest of a small pool is asked where the packet has room.",
       .world = {.many_choices = 2},
       .in = ack(kGueMany, kSlots0468),
       .out = over4(kSlots0468, {4, 1, 3, 8, 7, 2, 5, 6, 9})},
      {.says = "The largest packet that a client of two candidates sends has room for five.",
       .world = {.many_choices = 2},
       .in = ack(kGueMany, kSlots0468, 1444 - 40),
       .out = over4(kSlots0468, {4, 1, 3, 8, 7}, 1444 - 40)},
      {.says = "Over IPv6 there are no reserves, and more hops than the headroom has room for: the "
               "frame is moved back in its buffer.",
       .world = buffer,
       .in = ack(kGueMany6, kSlots046Of6),
       .out = over6(kSlots046Of6, {4, 6, 3, 8, 9})},
      {.says = "Seven is the most that the header's length can say.",
       .world = four,
       .in = ack(kGueMany6, kSlots0468Of6, 1332 - 40),
       .out = over6(kSlots0468Of6, {4, 6, 8, 3, 7, 9, 2}, 1332 - 40)},
      told("Over IPv6 1364 bytes is what a client is told.", kGueMany6, kSlots046Of6, 1364),
  };
}

}  // namespace fairlead::packet_table
