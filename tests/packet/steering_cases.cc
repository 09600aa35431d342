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

/// A client whose candidates in a table of 8 slots are 1, 4 and 0 (tests/oracle/flow_hash.py).
constexpr std::uint16_t kSlots140 = 40003;

/// On the first backend.
std::vector<Step> three_in_flight() {
  return {{0, syn(kPair, 40000)}, {0, syn(kPair, 40001)}, {0, syn(kPair, 40002)}};
}

/// Ports by their slot in a table of two.
constexpr std::uint16_t kSlot0Of2 = 40000;
constexpr std::uint16_t kSlot1Of2 = 40002;

/// On the only node, whose flows have many reserves.
std::vector<PacketCase> only_node_cases() {
  const World each_one_slot{.pair_slots = {0, 1}};
  const World second_behind{
      .pair_slots = {0, 0, 1, 0, 0, 0, 0, 0}, .pair_choices = 3, .only_node = true};
  return {
      {.says = "On the only node flows look further behind the first slot.",
       .world = {.pair_slots = {0}},
       .before = three_in_flight(),
       .then = World{.pair_slots = {0, 0, 0, 0, 0, 0, 1, 0}, .pair_choices = 3, .only_node = true},
       .in = syn(kPair, kSlots140),
       .out = syn_to(kSecond4, kPair, kSlots140)},
      {.says = "Equals take turns there: the candidate, if it was used before the reserve.",
       .world = each_one_slot,
       .before = {{0, syn(kPair, kSlot0Of2)}, {5, syn(kPair, kSlot1Of2)}},
       .then = second_behind,
       .after_ms = 5,
       .in = syn(kPair, kSlots140),
       .out = syn_to(kBackend4, kPair, kSlots140)},
      {.says = "The reserve, if it was used before the candidate.",
       .world = each_one_slot,
       .before = {{0, syn(kPair, kSlot1Of2)}, {5, syn(kPair, kSlot0Of2)}},
       .then = second_behind,
       .after_ms = 5,
       .in = syn(kPair, kSlots140),
       .out = syn_to(kSecond4, kPair, kSlots140)},
      {.says = "But not with the usual reserves: there the candidate wins a tie.",
       .world = each_one_slot,
       .before = {{0, syn(kPair, kSlot1Of2)}, {5, syn(kPair, kSlot0Of2)}},
       .then = World{.pair_slots = second_behind.pair_slots, .pair_choices = 3},
       .after_ms = 5,
       .in = syn(kPair, kSlots140),
       .out = syn_to(kBackend4, kPair, kSlots140)},
  };
}

std::vector<PacketCase> reserve_cases() {
  return {
      {.says = "Who would wait at all candidates takes a reserve: the slot behind the first one's.",
       .world = {.pair_slots = {0}},
       .before = three_in_flight(),
       .then = World{.pair_slots = {0, 0, 1, 0, 0, 0, 0, 0}, .pair_choices = 3},
       .in = syn(kPair, kSlots140),
       .out = syn_to(kSecond4, kPair, kSlots140)},
      {.says = "Or, with three candidates, the one behind that.",
       .world = {.pair_slots = {0}},
       .before = three_in_flight(),
       .then = World{.pair_slots = {0, 0, 0, 1, 0, 0, 0, 0}, .pair_choices = 3},
       .in = syn(kPair, kSlots140),
       .out = syn_to(kSecond4, kPair, kSlots140)},
      {.says = "But none farther away.",
       .world = {.pair_slots = {0}},
       .before = three_in_flight(),
       .then = World{.pair_slots = {0, 0, 0, 0, 0, 1, 1, 1}, .pair_choices = 3},
       .in = syn(kPair, kSlots140),
       .out = syn_to(kBackend4, kPair, kSlots140)},
      {.says = "Nor one that drains.",
       .world = {.pair_slots = {0}},
       .before = three_in_flight(),
       .then =
           World{
               .second = FL_MEMBER_DRAINING,
               .pair_slots = {0, 0, 1, 1, 0, 0, 0, 0},
               .pair_choices = 3},
       .in = syn(kPair, kSlots140),
       .out = syn_to(kBackend4, kPair, kSlots140)},
      {.says = "With two candidates there is one reserve.",
       .world = {.pair_slots = {0}},
       .before = three_in_flight(),
       .then = World{.pair_slots = {0, 0, 0, 1, 0, 0, 0, 0}, .pair_choices = 2},
       .in = syn(kPair, kSlots140),
       .out = syn_to(kBackend4, kPair, kSlots140)},
      {.says = "Where the best candidate is free reserves do not count.",
       .world = {.pair_slots = {0}},
       .then = World{.pair_slots = {0, 0, 1, 1, 0, 0, 0, 0}, .pair_choices = 3},
       .in = syn(kPair, kSlots140),
       .out = syn_to(kBackend4, kPair, kSlots140)},
  };
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
  std::vector<PacketCase> all = {
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
  const auto reserves = reserve_cases();
  all.insert(all.end(), reserves.begin(), reserves.end());
  const auto many = only_node_cases();
  all.insert(all.end(), many.begin(), many.end());
  return all;
}

}  // namespace fairlead::packet_table
