// SPDX-License-Identifier: BSD-3-Clause
// Rows: hop lists that name all who may have a connection: candidates, reserves, and who had their
// slots before; in a small pool everybody; and how a flood of packets that belong to no connection
// makes them shorter. Slot s of kGueMany is backend s's.
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
constexpr std::uint16_t kSlots048Of11 = 40216;  // among eleven slots
constexpr std::uint16_t kOf24 = 42200;          // slots 0, 8, 16 among 24
constexpr std::uint16_t kOf24Over6 = 43179;
constexpr std::uint16_t kOf25 = 44598;

/// Another past, so that four candidates have four earlier owners.
const std::vector<std::uint32_t> kPastOfFour = {3, 5, 0, 0, 7, 0, 9, 0, 2, 0};

/// Whom clients of three candidates among 24 or 25 slots are told to leave room for.
const std::vector<int> kToldOf24 = {8, 16, 1, 2, 3, 7, 5, 4, 6};

/// And everybody else: behind the slot, then in the pool.
std::vector<int> all_of_24(std::size_t hops = 23) {
  std::vector<int> out = kToldOf24;
  for (const int other : {9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22, 23})
    out.push_back(other);
  out.resize(hops);
  return out;
}

std::vector<std::string> backends(const char* network, const std::vector<int>& numbers) {
  std::vector<std::string> out;
  for (const int number : numbers) out.push_back(network + std::to_string(number));
  return out;
}

Frame segment(const char* vip, std::uint16_t port, std::string_view flags, unsigned payload = 0) {
  return packet().ipv4(kClient4, vip).df().tcp(port, 80, flags).payload(payload);
}
Frame ack(const char* vip, std::uint16_t port, unsigned payload = 0) {
  return segment(vip, port, "A", payload);
}
PacketBuilder tunnel4(std::uint16_t port, const std::vector<int>& hops) {
  return sent()
      .ipv4(kNode4, "10.0.1.0")
      .df()
      .udp(gue_port(IpProto::kTcp, kClient4, port, kGueMany, 80), 19523)
      .gue(backends("10.0.1.", hops));
}
Frame over4(
    std::uint16_t port,
    const std::vector<int>& hops,
    unsigned payload = 0,
    std::string_view flags = "A"
) {
  return tunnel4(port, hops)
      .ipv4(kClient4, kGueMany)
      .df()
      .ttl(63)
      .tcp(port, 80, flags)
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

PacketCase told(
    std::string says,
    const char* vip,
    std::uint16_t port,
    std::uint16_t mtu,
    const World& world = {}
) {
  const Frame in = ack(vip, port, 1460);
  return {
      .says = std::move(says),
      .world = world,
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

std::vector<PacketCase> small_pools() {
  const World eleven{.many_members = 11};
  const World of24{.many_members = 24};
  const World of25{.many_members = 25};
  return {
      {.says = "A pool of eleven is asked whole: ten hops.",
       .world = eleven,
       .in = ack(kGueMany, kSlots048Of11),
       .out = over4(kSlots048Of11, {4, 8, 1, 2, 3, 7, 5, 6, 9, 10})},
      {.says = "So is one of 24: 23 hops, the longest list.",
       .world = of24,
       .in = ack(kGueMany, kOf24),
       .out = over4(kOf24, all_of_24())},
      {.says = "The largest packet that has room for 23 hops.",
       .world = of24,
       .in = ack(kGueMany, kOf24, 1372 - 40),
       .out = over4(kOf24, all_of_24(), 1372 - 40)},
      {.says = "One byte more, and 22 go along.",
       .world = of24,
       .in = ack(kGueMany, kOf24, 1373 - 40),
       .out = over4(kOf24, all_of_24(22), 1373 - 40)},
      {.says = "The largest packet that a client of the 24 is told to send has room for nine hops.",
       .world = of24,
       .in = ack(kGueMany, kOf24, 1428 - 40),
       .out = over4(kOf24, kToldOf24, 1428 - 40)},
      told("It is told no other size than in a large pool.", kGueMany, kOf24, 1428, of24),
      {.says = "Of 25 those are asked who may have it, up to 16 slots behind its first.",
       .world = of25,
       .in = ack(kGueMany, kOf25),
       .out = over4(kOf25, all_of_24(16))},
      {.says = "Over IPv6 a pool of 24 is as any: five hops.",
       .world = {.buffer_bytes = 2176, .many_members = 24},
       .in = ack(kGueMany6, kOf24Over6),
       .out = over6(kOf24Over6, {8, 16, 3, 1, 2})},
  };
}

/// More than the limit of a world that allows one packet a second, which is 32 at once.
constexpr unsigned kFlood = 40;

World limited() {
  return {.new_flow_limit = 1, .many_members = 24};
}
std::vector<Step> flood_of(std::string_view flags) {
  std::vector<Step> out;
  for (std::uint16_t i = 0; i < kFlood; ++i)
    out.push_back({0, segment(kGueMany, static_cast<std::uint16_t>(50000 + i), flags)});
  return out;
}
std::vector<Step> repeated(const Frame& frame) {
  return std::vector<Step>(kFlood, Step{0, frame});
}

/// What a router says to the vip about a packet of one of its connections.
Frame router_says(PacketBuilder head, std::uint8_t ttl) {
  return head.ipv4("192.0.2.99", kGueMany)
      .ttl(ttl)
      .icmp(3, 4, 1400)
      .ipv4(kGueMany, kClient4)
      .df()
      .tcp(80, kOf24, "A")
      .payload(20);
}

std::vector<PacketCase> floods() {
  const Frame one = ack(kGueMany, kOf24);
  const Frame error = router_says(packet(), 64);
  return {
      {.says = "In a flood of ACKs a list is no longer than clients are told of.",
       .world = limited(),
       .before = flood_of("A"),
       .in = one,
       .out = over4(kOf24, kToldOf24)},
      {.says = "Below the limit everybody is asked.",
       .world = limited(),
       .before = {{0, ack(kGueMany, 50000)}, {0, ack(kGueMany, 50001)}},
       .in = one,
       .out = over4(kOf24, all_of_24())},
      {.says = "When the flood is over everybody is asked again.",
       .world = limited(),
       .before = flood_of("A"),
       .after_ms = 50000,
       .in = one,
       .out = over4(kOf24, all_of_24())},
      {.says = "One ACK over and over, whose connection is adopted, is a flood too.",
       .world = limited(),
       .before = repeated(one),
       .in = one,
       .out = over4(kOf24, kToldOf24)},
      {.says = "So are RSTs, which are never adopted.",
       .world = limited(),
       .before = flood_of("R"),
       .in = segment(kGueMany, kOf24, "R"),
       .out = over4(kOf24, kToldOf24, 0, "R")},
      {.says = "And ICMP errors about connections that nobody knows.",
       .world = limited(),
       .before = repeated(error),
       .in = error,
       .out = router_says(tunnel4(kOf24, kToldOf24), 63)},
      {.says = "SYNs make no list shorter: they have none.",
       .world = limited(),
       .before = flood_of("S"),
       .in = one,
       .out = over4(kOf24, all_of_24())},
      {.says = "Without a limit there is no flood.",
       .world = {.many_members = 24},
       .before = flood_of("A"),
       .in = one,
       .out = over4(kOf24, all_of_24())},
  };
}

std::vector<PacketCase> lists() {
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

}  // namespace

std::vector<PacketCase> hop_list_cases() {
  std::vector<PacketCase> all = lists();
  for (auto* part : {small_pools, floods}) {
    auto rows = part();
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

}  // namespace fairlead::packet_table
