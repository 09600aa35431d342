// SPDX-License-Identifier: BSD-3-Clause
// Rows: packets of flows that the node knows, or ought to. `toward_first` has all slots of the vip
// `pair` on the first backend, `toward_second` on the second: a flow that stays with the first
// under `toward_second` is remembered, one that goes to the second was decided anew.
#include "tests/packet/packet_case.hh"

namespace fairlead::packet_table {

using testing::packet;

namespace {

const World kTowardFirst{.pair_slots = {0}};
const World kTowardSecond{.pair_slots = {1}};

Frame tcp(const char* flags) {
  return packet().ipv4(kClient4, kPair).tcp(40000, 80, flags);
}
Frame tcp_to(const char* backend, const char* flags) {
  return sent().ipv4(kNode4, backend).df().ipv4(kClient4, kPair).ttl(63).tcp(40000, 80, flags);
}
World toward_second(std::uint8_t first_state) {
  World world = kTowardSecond;
  world.first = first_state;
  return world;
}

std::vector<PacketCase> tcp_cases() {
  return {
      {.says = "A repeated SYN of a half-open flow keeps its backend.",
       .world = kTowardFirst,
       .before = {{0, tcp("S")}},
       .then = kTowardSecond,
       .after_ms = 100,
       .in = tcp("S"),
       .out = tcp_to(kBackend4, "S")},
      {.says = "The ACK of a handshake goes where its SYN went.",
       .world = kTowardFirst,
       .before = {{0, tcp("S")}},
       .then = kTowardSecond,
       .after_ms = 30,
       .in = tcp("A"),
       .out = tcp_to(kBackend4, "A")},
      {.says = "A confirmed flow stays when the table moves on.",
       .world = kTowardFirst,
       .before = {{0, tcp("S")}, {30, tcp("A")}},
       .then = kTowardSecond,
       .after_ms = 1000,
       .in = tcp("AP"),
       .out = tcp_to(kBackend4, "AP")},
      {.says = "A SYN does not move a confirmed flow: it may be spoofed.",
       .world = kTowardFirst,
       .before = {{0, tcp("S")}, {30, tcp("A")}},
       .then = kTowardSecond,
       .after_ms = 1000,
       .in = tcp("S"),
       .out = tcp_to(kBackend4, "S")},
      {.says = "After a SYN on a confirmed flow its data still goes to its backend.",
       .world = kTowardFirst,
       .before = {{0, tcp("S")}, {30, tcp("A")}, {30, tcp("S")}},
       .then = kTowardSecond,
       .after_ms = 10,
       .in = tcp("A"),
       .out = tcp_to(kBackend4, "A")},
      {.says = "A confirmed flow that speaks now and then is never idle for too long.",
       .world = kTowardFirst,
       .before = {{0, tcp("S")}, {30, tcp("A")}, {200'000, tcp("A")}},
       .then = kTowardSecond,
       .after_ms = 200'000,
       .in = tcp("S"),
       .out = tcp_to(kBackend4, "S")},
      {.says = "A confirmed flow's limit counts from its last packet, also if that came close on "
               "another.",
       .world = kTowardFirst,
       .before = {{0, tcp("S")}, {30, tcp("A")}, {700, tcp("A")}},
       .then = kTowardSecond,
       .after_ms = 300'000,
       .in = tcp("S"),
       .out = tcp_to(kBackend4, "S")},
      {.says = "A confirmed flow that was idle beyond its limit is decided anew by a SYN.",
       .world = kTowardFirst,
       .before = {{0, tcp("S")}, {30, tcp("A")}},
       .then = kTowardSecond,
       .after_ms = 302'000,
       .in = tcp("S"),
       .out = tcp_to(kSecond4, "S")},
      {.says = "A FIN goes to the flow's backend.",
       .world = kTowardFirst,
       .before = {{0, tcp("S")}, {30, tcp("A")}},
       .then = kTowardSecond,
       .after_ms = 30,
       .in = tcp("FA"),
       .out = tcp_to(kBackend4, "FA")},
      {.says = "After its FIN a client still acknowledges what the backend sends.",
       .world = kTowardFirst,
       .before = {{0, tcp("S")}, {30, tcp("A")}, {30, tcp("FA")}},
       .then = kTowardSecond,
       .after_ms = 5000,
       .in = tcp("A"),
       .out = tcp_to(kBackend4, "A")},
      {.says = "A SYN on a flow that has sent FIN is a new connection.",
       .world = kTowardFirst,
       .before = {{0, tcp("S")}, {30, tcp("A")}, {30, tcp("FA")}},
       .then = kTowardSecond,
       .after_ms = 100,
       .in = tcp("S"),
       .out = tcp_to(kSecond4, "S")},
      {.says = "A SYN on a flow that was reset is a new connection.",
       .world = kTowardFirst,
       .before = {{0, tcp("S")}, {30, tcp("A")}, {30, tcp("R")}},
       .then = kTowardSecond,
       .after_ms = 100,
       .in = tcp("S"),
       .out = tcp_to(kSecond4, "S")},
      {.says = "A client that goes on talking was not reset: the RST was forged.",
       .world = kTowardFirst,
       .before = {{0, tcp("S")}, {30, tcp("A")}, {30, tcp("R")}, {600, tcp("A")}},
       .then = kTowardSecond,
       .after_ms = 100,
       .in = tcp("S"),
       .out = tcp_to(kBackend4, "S")},
      {.says = "A reset goes to the flow's backend.",
       .world = kTowardFirst,
       .before = {{0, tcp("S")}, {30, tcp("A")}},
       .then = kTowardSecond,
       .after_ms = 100,
       .in = tcp("R"),
       .out = tcp_to(kBackend4, "R")},
      {.says = "A draining backend keeps its confirmed flows.",
       .world = kTowardFirst,
       .before = {{0, tcp("S")}, {30, tcp("A")}},
       .then = toward_second(FL_MEMBER_DRAINING),
       .after_ms = 100,
       .in = tcp("A"),
       .out = tcp_to(kBackend4, "A")},
      {.says = "A draining backend keeps its half-open flows.",
       .world = kTowardFirst,
       .before = {{0, tcp("S")}},
       .then = toward_second(FL_MEMBER_DRAINING),
       .after_ms = 100,
       .in = tcp("A"),
       .out = tcp_to(kBackend4, "A")},
      {.says = "A flow of a backend that went down moves with its next packet.",
       .world = kTowardFirst,
       .before = {{0, tcp("S")}, {30, tcp("A")}},
       .then = toward_second(FL_MEMBER_DOWN),
       .after_ms = 100,
       .in = tcp("A"),
       .out = tcp_to(kSecond4, "A")},
      {.says = "A repeated SYN to a backend that went down goes to another.",
       .world = kTowardFirst,
       .before = {{0, tcp("S")}},
       .then = toward_second(FL_MEMBER_DOWN),
       .after_ms = 1000,
       .in = tcp("S"),
       .out = tcp_to(kSecond4, "S")},
      {.says = "A flow of a member whose number was freed moves with its next packet.",
       .world = kTowardFirst,
       .before = {{0, tcp("S")}, {30, tcp("A")}},
       .then = toward_second(FL_MEMBER_FREE),
       .after_ms = 100,
       .in = tcp("A"),
       .out = tcp_to(kSecond4, "A")},
  };
}

/// Segments of so many flows, and then `last` of the row's own.
std::vector<Step> flood_of(
    unsigned flows, std::string_view flags, const std::vector<const char*>& last
) {
  std::vector<Step> out;
  for (unsigned i = 0; i < flows; ++i) {
    const auto port = static_cast<std::uint16_t>(1000 + i);
    out.push_back({0, packet().ipv4(kClient4, kPair).tcp(port, 80, flags)});
  }
  for (const char* own : last) out.push_back({0, tcp(own)});
  return out;
}

/// One flow a second, 32 at once.
World limited_to(std::uint32_t slot) {
  return {.pair_slots = {slot}, .new_flow_limit = 1};
}

/// What floods do to connections in mid-life, and to the others.
std::vector<PacketCase> adoption_limit_cases() {
  const auto row = [](std::string says, std::vector<Step> before, const char* backend) {
    return PacketCase{
        .says = std::move(says),
        .world = limited_to(0),
        .before = std::move(before),
        .then = limited_to(1),
        .in = tcp("A"),
        .out = tcp_to(backend, "A")};
  };
  return {
      row("Above the limit no connection in mid-life is adopted.",
          flood_of(40, "A", {"A"}),
          kSecond4),
      row("The last one within the limit is.", flood_of(31, "A", {"A"}), kBackend4),
      row("A flood of ACKs leaves new flows alone.", flood_of(40, "A", {"S", "A"}), kBackend4),
      row("A flood of SYNs leaves adoptions alone.", flood_of(40, "S", {"A"}), kBackend4),
      row("RSTs are no adoptions, however many.", flood_of(40, "R", {"A"}), kBackend4),
      {.says = "A confirmed flow stays though SYNs fill every place of the table.",
       .world = kTowardFirst,
       .before =
           [] {
             std::vector<Step> steps = {{0, tcp("S")}, {0, tcp("A")}};
             const std::vector<Step> flood = flood_of(1500, "S", {});
             steps.insert(steps.end(), flood.begin(), flood.end());
             return steps;
           }(),
       .then = kTowardSecond,
       .in = tcp("A"),
       .out = tcp_to(kBackend4, "A")},
      {.says = "A half-open one gives way to them.",
       .world = kTowardFirst,
       .before =
           [] {
             std::vector<Step> steps = {{0, tcp("S")}};
             for (const Step& step : flood_of(1500, "S", {})) steps.push_back(step);
             steps[1].after_ms = 500;  // the longest idle gives way
             return steps;
           }(),
       .then = kTowardSecond,
       .in = tcp("A"),
       .out = tcp_to(kSecond4, "A")},
  };
}

std::vector<PacketCase> mid_life_cases() {
  const World limited = limited_to(0);
  const World limited_second = limited_to(1);
  const std::vector<Step> flood = flood_of(40, "S", {});
  return {
      {.says = "A packet in mid-life of an unknown connection goes to the first candidate.",
       .world = kTowardFirst,
       .in = tcp("A"),
       .out = tcp_to(kBackend4, "A")},
      {.says = "An adopted connection stays when the table moves on.",
       .world = kTowardFirst,
       .before = {{0, tcp("A")}},
       .then = kTowardSecond,
       .after_ms = 100,
       .in = tcp("A"),
       .out = tcp_to(kBackend4, "A")},
      {.says =
           "An adopted connection stays a guess, however long it speaks: a SYN decides it anew.",
       .world = kTowardFirst,
       .before = {{0, tcp("A")}, {600, tcp("A")}},
       .then = kTowardSecond,
       .after_ms = 100,
       .in = tcp("S"),
       .out = tcp_to(kSecond4, "S")},
      {.says = "A SYN decides an adopted connection anew.",
       .world = kTowardFirst,
       .before = {{0, tcp("A")}},
       .then = kTowardSecond,
       .after_ms = 100,
       .in = tcp("S"),
       .out = tcp_to(kSecond4, "S")},
      {.says = "An unknown connection's reset is passed on and leaves no trace.",
       .world = kTowardFirst,
       .before = {{0, tcp("R")}},
       .then = kTowardSecond,
       .after_ms = 10,
       .in = tcp("A"),
       .out = tcp_to(kSecond4, "A")},
      {.says = "An unknown connection's FIN is passed on.",
       .world = kTowardFirst,
       .in = tcp("FA"),
       .out = tcp_to(kBackend4, "FA")},
      {.says = "A SYN-ACK from a client begins nothing; it goes to the first candidate.",
       .world = kTowardFirst,
       .in = tcp("SA"),
       .out = tcp_to(kBackend4, "SA")},
      {.says = "A draining backend is still the first candidate of connections in mid-life.",
       .world = {.first = FL_MEMBER_DRAINING, .pair_slots = {0}},
       .in = tcp("A"),
       .out = tcp_to(kBackend4, "A")},
      {.says = "In flood mode a SYN goes to the first candidate.",
       .world = limited,
       .before = flood,
       .in = tcp("S"),
       .out = tcp_to(kBackend4, "S")},
      {.says = "In flood mode nothing is remembered.",
       .world = limited,
       .before =
           [&] {
             auto s = flood;
             s.push_back({0, tcp("S")});
             return s;
           }(),
       .then = limited_second,
       .in = tcp("A"),
       .out = tcp_to(kSecond4, "A")},
      {.says = "A flow confirmed before the flood stays through it.",
       .world = limited,
       .before =
           [&] {
             std::vector<Step> s{{0, tcp("S")}, {10, tcp("A")}};
             s.insert(s.end(), flood.begin(), flood.end());
             return s;
           }(),
       .then = limited_second,
       .in = tcp("A"),
       .out = tcp_to(kBackend4, "A")},
  };
}

/// Most slots are the first backend's, the flow's too, and the second's are near.
World mostly_first(Control control) {
  return {.pair_slots = {0, 0, 0, 0, 0, 0, 0, 1}, .control = control};
}

Frame syn_of(std::uint16_t client) {
  return packet().ipv4(kClient4, kPair).tcp(client, 80, "S");
}

/// Three clients that the first backend does not answer, and a fourth when it is ejected for that.
std::vector<Step> silence() {
  return {{0, syn_of(40001)}, {0, syn_of(40002)}, {0, syn_of(40003)}, {300, syn_of(40004)}};
}

std::vector<PacketCase> ejection_cases() {
  return {
      {.says = "A backend that answered three handshakes in time keeps its new flows.",
       .world = kTowardFirst,
       .before =
           {{0, syn_of(40001)},
            {0, syn_of(40002)},
            {0, syn_of(40003)},
            {20, packet().ipv4(kClient4, kPair).tcp(40003, 80, "A")}},
       .then = mostly_first(Control::kAway),
       .after_ms = 300,
       .in = tcp("S"),
       .out = tcp_to(kBackend4, "S")},
      {.says = "A backend that left three handshakes unanswered gets no new flow.",
       .world = kTowardFirst,
       .before = silence(),
       .then = mostly_first(Control::kSeesAnswers),
       .after_ms = 500,
       .in = tcp("S"),
       .out = tcp_to(kSecond4, "S")},
      {.says = "With control away no client is the trial of an ejected backend.",
       .world = kTowardFirst,
       .before = silence(),
       .then = mostly_first(Control::kAway),
       .after_ms = 60'000,
       .in = tcp("S"),
       .out = tcp_to(kSecond4, "S")},
      {.says = "An ejected backend that has answered control since gets a trial.",
       .world = kTowardFirst,
       .before = silence(),
       .then = mostly_first(Control::kSeesAnswers),
       .after_ms = 1500,
       .in = tcp("S"),
       .out = tcp_to(kBackend4, "S")},
      {.says = "Where no control ever was, an ejected backend gets a trial when its time is over.",
       .world = kTowardFirst,
       .before = silence(),
       .then = mostly_first(Control::kNever),
       .after_ms = 1500,
       .in = tcp("S"),
       .out = tcp_to(kBackend4, "S")},
      {.says = "With every backend ejected and control away a flow is still forwarded.",
       .world = kTowardFirst,
       .before = silence(),
       .then = World{.pair_slots = {0}, .control = Control::kAway},
       .after_ms = 60'000,
       .in = tcp("S"),
       .out = tcp_to(kBackend4, "S")},
  };
}

}  // namespace

std::vector<PacketCase> flow_cases() {
  std::vector<PacketCase> all = tcp_cases();
  for (auto* part : {mid_life_cases, adoption_limit_cases, ejection_cases}) {
    auto rows = part();
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

}  // namespace fairlead::packet_table
