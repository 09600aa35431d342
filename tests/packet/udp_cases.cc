// SPDX-License-Identifier: BSD-3-Clause
// Rows: UDP flows, tracked and, by the vip's option, stateless.
#include "tests/packet/packet_case.hh"

namespace fairlead::packet_table {

using testing::packet;

namespace {

const World kTowardFirst{.pair_slots = {0}};
const World kTowardSecond{.pair_slots = {1}};

Frame udp() {
  return packet().ipv4(kClient4, kPairUdp).udp(40000, 53).payload(20);
}
Frame udp_to(const char* backend) {
  return sent()
      .ipv4(kNode4, backend)
      .df()
      .ipv4(kClient4, kPairUdp)
      .ttl(63)
      .udp(40000, 53)
      .payload(20);
}

Frame short_udp() {
  return packet().ipv4(kClient4, kPairUdp).udp(40000, 53).payload(7).pad_to(60);
}

World toward_second(std::uint8_t first_state) {
  World world = kTowardSecond;
  world.first = first_state;
  return world;
}

World stateless(World world) {
  world.udp_stateless = true;
  return world;
}

/// Three flows in flight on the first backend, so that any other has the better score.
std::vector<Step> three_in_flight() {
  std::vector<Step> steps;
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{40001, 40002, 40003})
    steps.push_back({0, packet().ipv4(kClient4, kPair).tcp(port, 80, "S")});
  return steps;
}

std::vector<PacketCase> tracked_cases() {
  return {
      {.says = "A UDP flow stays when the table moves on.",
       .world = kTowardFirst,
       .before = {{0, udp()}},
       .then = kTowardSecond,
       .after_ms = 1000,
       .in = udp(),
       .out = udp_to(kBackend4)},
      {.says = "A UDP flow's limit counts from its last packet, however close on another.",
       .world = kTowardFirst,
       .before = {{0, udp()}, {10, udp()}, {700, udp()}},
       .then = kTowardSecond,
       .after_ms = 60'000,
       .in = udp(),
       .out = udp_to(kBackend4)},
      {.says = "A UDP flow that was idle beyond its limit is decided anew.",
       .world = kTowardFirst,
       .before = {{0, udp()}, {10, udp()}},
       .then = kTowardSecond,
       .after_ms = 62'000,
       .in = udp(),
       .out = udp_to(kSecond4)},
      {.says = "A UDP flow of one packet outlives the half-open limit of TCP.",
       .world = kTowardFirst,
       .before = {{0, udp()}},
       .then = kTowardSecond,
       .after_ms = 15'000,
       .in = udp(),
       .out = udp_to(kBackend4)},
      {.says = "A UDP flow of one packet has a limit of its own.",
       .world = kTowardFirst,
       .before = {{0, udp()}},
       .then = kTowardSecond,
       .after_ms = 21'000,
       .in = udp(),
       .out = udp_to(kSecond4)},
      {.says = "A UDP flow of two packets lives as long as UDP flows do.",
       .world = kTowardFirst,
       .before = {{0, udp()}, {0, udp()}},
       .then = kTowardSecond,
       .after_ms = 50'000,
       .in = udp(),
       .out = udp_to(kBackend4)},
      {.says = "A short datagram of a known flow, padded by the network card.",
       .world = kTowardFirst,
       .before = {{0, short_udp()}, {0, short_udp()}, {0, short_udp()}, {0, short_udp()}},
       .in = short_udp(),
       .out = sent()
                  .ipv4(kNode4, kBackend4)
                  .df()
                  .ipv4(kClient4, kPairUdp)
                  .ttl(63)
                  .udp(40000, 53)
                  .payload(7)},
      {.says = "A UDP flow of a draining backend stays.",
       .world = kTowardFirst,
       .before = {{0, udp()}},
       .then = toward_second(FL_MEMBER_DRAINING),
       .after_ms = 10,
       .in = udp(),
       .out = udp_to(kBackend4)},
      {.says = "A UDP flow of a backend that went down moves.",
       .world = kTowardFirst,
       .before = {{0, udp()}},
       .then = toward_second(FL_MEMBER_DOWN),
       .after_ms = 10,
       .in = udp(),
       .out = udp_to(kSecond4)},
  };
}

/// Both backends in turn; the first candidate of the flow is the first backend.
World both_in_turn() {
  return {.pair_slots = {1, 0}, .pair_choices = 4};
}

std::vector<PacketCase> stateless_cases() {
  return {
      {.says = "Of a tracked UDP vip's candidates the one with fewer flows in flight wins.",
       .world = kTowardFirst,
       .before = three_in_flight(),
       .then = both_in_turn(),
       .in = udp(),
       .out = udp_to(kSecond4)},
      {.says = "A stateless UDP vip takes the first candidate, whatever is in flight.",
       .world = kTowardFirst,
       .before = three_in_flight(),
       .then = stateless(both_in_turn()),
       .in = udp(),
       .out = udp_to(kBackend4)},
      {.says = "A stateless UDP vip remembers nothing: a table change moves its clients.",
       .world = stateless(kTowardFirst),
       .before = {{0, udp()}, {10, udp()}},
       .then = stateless(kTowardSecond),
       .after_ms = 10,
       .in = udp(),
       .out = udp_to(kSecond4)},
      {.says = "A stateless UDP vip is beyond the limit of new flows: there are none.",
       .world = stateless({.pair_slots = {0}, .new_flow_limit = 1}),
       .before = std::vector<Step>(40, {0, udp()}),
       .in = udp(),
       .out = udp_to(kBackend4)},
      {.says = "A flow from before its vip became stateless is honoured.",
       .world = kTowardFirst,
       .before = {{0, udp()}},
       .then = stateless(kTowardSecond),
       .after_ms = 10,
       .in = udp(),
       .out = udp_to(kBackend4)},
      {.says = "Until it times out.",
       .world = kTowardFirst,
       .before = {{0, udp()}},
       .then = stateless(kTowardSecond),
       .after_ms = 21'000,
       .in = udp(),
       .out = udp_to(kSecond4)},
      {.says = "A stateless UDP vip leaves out a backend that is down.",
       .world = stateless({.first = FL_MEMBER_DOWN, .pair_slots = {0, 1}}),
       .in = udp(),
       .out = udp_to(kSecond4)},
      {.says = "A stateless UDP vip without a living backend has none to give.",
       .world = stateless(toward_second(FL_MEMBER_DOWN)),
       .before = {},
       .then = stateless({.first = FL_MEMBER_DOWN, .second = FL_MEMBER_DOWN}),
       .in = udp(),
       .verdict = steer::Verdict::kDrop,
       .reason = FL_REASON_NO_BACKEND},
  };
}

/// A hash of part of an IPv6 address would take the second flow for the first.
PacketCase neighbours6() {
  const auto datagram = [](const char* client) {
    return packet().ipv6(client, kQuic6).udp(40000, 443).payload(1);
  };
  const char* const other = "2001:db8:c::6";
  return {
      .says = "IPv6 flows whose addresses differ in one bit are two flows.",
      .world = kTowardFirst,
      .before = {{0, datagram(kClient6)}},
      .then = kTowardSecond,
      .after_ms = 10,
      .in = datagram(other),
      .out = sent()
                 .ipv4(kNode4, kSecond4)
                 .df()
                 .ipv6(other, kQuic6)
                 .ttl(63)
                 .udp(40000, 443)
                 .payload(1)};
}

}  // namespace

std::vector<PacketCase> udp_cases() {
  std::vector<PacketCase> all = tracked_cases();
  all.push_back(neighbours6());
  for (const PacketCase& row : stateless_cases()) all.push_back(row);
  return all;
}

}  // namespace fairlead::packet_table
