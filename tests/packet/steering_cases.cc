// SPDX-License-Identifier: BSD-3-Clause
// Rows: which vip, which backend, for flows that begin.
#include "tests/packet/packet_case.hh"

namespace fairlead::packet_table {

using testing::packet;

namespace {

Frame syn(const char* vip, std::uint16_t port = 40000) {
  return packet().ipv4(kClient4, vip).tcp(port, 80, "S");
}
Frame syn_to(const char* backend, const char* vip, std::uint16_t port = 40000) {
  return sent().ipv4(kNode4, backend).df().ipv4(kClient4, vip).ttl(63).tcp(port, 80, "S");
}

}  // namespace

std::vector<PacketCase> steering_cases() {
  using steer::Verdict;
  const World both{.pair_slots = {0, 1, 0, 1}, .pair_choices = 2};
  World first_down = both;
  first_down.first = FL_MEMBER_DOWN;
  World first_drains = both;
  first_drains.first = FL_MEMBER_DRAINING;
  World both_down = first_down;
  both_down.second = FL_MEMBER_DOWN;
  World both_drain = first_drains;
  both_drain.second = FL_MEMBER_DRAINING;
  World one_choice_down = first_down;
  one_choice_down.pair_choices = 1;
  World first_gone = both;
  first_gone.first = FL_MEMBER_FREE;
  return {
      {.says = "A vip of any port takes any port.",
       .in = packet().ipv4(kClient4, kAnyPort).tcp(40000, 8080, "S"),
       .out = sent()
                  .ipv4(kNode4, kBackend4)
                  .df()
                  .ipv4(kClient4, kAnyPort)
                  .ttl(63)
                  .tcp(40000, 8080, "S")},
      {.says = "An exact port wins over any port.",
       .in = packet().ipv4(kClient4, kAnyPort).tcp(40000, 443, "S"),
       .out = sent()
                  .ipv4(kNode4, kSecond4)
                  .df()
                  .ipv4(kClient4, kAnyPort)
                  .ttl(63)
                  .tcp(40000, 443, "S")},
      {.says = "A vip may be a prefix.",
       .in = packet().ipv4(kClient4, kInPrefix).tcp(40000, 80, "S"),
       .out = sent()
                  .ipv4(kNode4, kBackend4)
                  .df()
                  .ipv4(kClient4, kInPrefix)
                  .ttl(63)
                  .tcp(40000, 80, "S")},
      {.says = "A vip without backends has none to give.",
       .in = syn(kEmpty),
       .verdict = Verdict::kDrop,
       .reason = FL_REASON_NO_BACKEND},
      {.says = "A backend that is down gets no new flow.",
       .world = first_down,
       .in = syn(kPair),
       .out = syn_to(kSecond4, kPair)},
      {.says = "Nor another one.",
       .world = first_down,
       .in = syn(kPair, 40001),
       .out = syn_to(kSecond4, kPair, 40001)},
      {.says = "With one choice the walk finds the living backend.",
       .world = one_choice_down,
       .in = syn(kPair, 40002),
       .out = syn_to(kSecond4, kPair, 40002)},
      {.says = "A draining backend gets no new flow.",
       .world = first_drains,
       .in = syn(kPair),
       .out = syn_to(kSecond4, kPair)},
      {.says = "A member whose number is free gets no new flow.",
       .world = first_gone,
       .in = syn(kPair),
       .out = syn_to(kSecond4, kPair)},
      {.says = "All backends down: no backend.",
       .world = both_down,
       .in = syn(kPair),
       .verdict = Verdict::kDrop,
       .reason = FL_REASON_NO_BACKEND},
      {.says = "With all backends draining a new flow is better served than refused.",
       .world = both_drain,
       .in = packet().ipv4(kClient4, kPair).tcp(40000, 80, "S"),
       .out = syn_to(kBackend4, kPair)},
      {.says = "Of two candidates the one with fewer flows in flight takes the flow.",
       .world = {.pair_slots = {0}},
       .before = {{0, syn(kPair, 40000)}, {0, syn(kPair, 40001)}, {0, syn(kPair, 40002)}},
       .then = World{.pair_slots = {0, 1}, .pair_choices = 4},
       .in = syn(kPair, 40003),
       .out = syn_to(kSecond4, kPair, 40003)},
      {.says = "And the other way round.",
       .world = {.pair_slots = {1}},
       .before = {{0, syn(kPair, 40000)}, {0, syn(kPair, 40001)}, {0, syn(kPair, 40002)}},
       .then = World{.pair_slots = {0, 1}, .pair_choices = 4},
       .in = syn(kPair, 40003),
       .out = syn_to(kBackend4, kPair, 40003)},
  };
}

}  // namespace fairlead::packet_table
