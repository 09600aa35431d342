// SPDX-License-Identifier: BSD-3-Clause
// Rows: QUIC connection ids that name a backend (QUIC-LB, plaintext).
#include "tests/packet/packet_case.hh"

namespace fairlead::packet_table {

using testing::packet;
using Bytes = std::vector<std::uint8_t>;

namespace {

constexpr const char* kMoved4 = "198.51.100.200";  // the client after it has changed its network

/// First octet of a connection id: configuration, and noise in the other bits.
constexpr std::uint8_t octet(unsigned config) {
  return static_cast<std::uint8_t>(config << 5 | 0x13);
}

/// `rest` bytes that mean nothing to us.
Bytes noise(Bytes bytes, unsigned rest) {
  for (unsigned i = 0; i < rest; ++i) bytes.push_back(static_cast<std::uint8_t>(0xc0 + i));
  return bytes;
}
Bytes id0(std::uint8_t server) {  // configuration 0, server id of 2 bytes, nonce of 5
  return noise({octet(0), 0xa0, server}, 5);
}
Bytes id5(std::uint8_t server) {  // configuration 5, server id of 4 bytes, nonce of 4
  return noise({octet(5), 10, 0, 0, server}, 4);
}
Bytes short_header(const Bytes& id) {
  Bytes out{0x40};
  out.insert(out.end(), id.begin(), id.end());
  return noise(out, 24);
}
/// Of any version; `type` is the first byte.
Bytes long_header(const Bytes& id, std::uint8_t type = 0xe0, std::uint8_t version = 1) {
  Bytes out{type, 0, 0, 0, version, static_cast<std::uint8_t>(id.size())};
  out.insert(out.end(), id.begin(), id.end());
  return noise(out, 30);
}

Frame in4(const Bytes& datagram, const char* client = kClient4, std::uint16_t port = 40000) {
  return packet().ipv4(client, kQuic4).udp(port, 443).bytes(datagram);
}
Frame at4(
    const Bytes& datagram,
    const char* backend,
    const char* client = kClient4,
    std::uint16_t port = 40000
) {
  return sent()
      .ipv4(kNode4, backend)
      .df()
      .ipv4(client, kQuic4)
      .ttl(63)
      .udp(port, 443)
      .bytes(datagram);
}

/// A row for a flow that nobody knows; the table sends it to the first backend.
PacketCase unknown(std::string says, const Bytes& datagram, const char* backend) {
  return {.says = std::move(says), .in = in4(datagram), .out = at4(datagram, backend)};
}

std::vector<PacketCase> ids() {
  return {
      unknown("A short header whose id names the second backend.", short_header(id0(2)), kSecond4),
      unknown("A short header whose id names the first backend.", short_header(id0(1)), kBackend4),
      unknown("Another configuration has longer server ids.", short_header(id5(2)), kSecond4),
      unknown("A long header's id is found behind its length.", long_header(id0(2)), kSecond4),
      unknown("Nor does the version matter (RFC 8999).", long_header(id5(2), 0x80, 0x7a), kSecond4),
      unknown(
          "An id of the longest kind, 20 bytes.",
          long_header(noise({octet(0), 0xa0, 2}, 17)),
          kSecond4
      ),
      unknown(
          "The fixed bit may be greased (RFC 9287).", noise({0x00, octet(0), 0xa0, 2}, 24), kSecond4
      ),
      {.says = "QUIC over IPv6.",
       .in = packet().ipv6(kClient6, kQuic6).udp(40000, 443).bytes(short_header(id0(2))),
       .out = sent()
                  .ipv4(kNode4, kSecond4)
                  .df()
                  .ipv6(kClient6, kQuic6)
                  .ttl(63)
                  .udp(40000, 443)
                  .bytes(short_header(id0(2)))},
      {.says = "QUIC behind IPv4 options.",
       .in = packet().ipv4(kClient4, kQuic4).options(8).udp(40000, 443).bytes(short_header(id0(2))),
       .out = sent()
                  .ipv4(kNode4, kSecond4)
                  .df()
                  .ipv4(kClient4, kQuic4)
                  .options(8)
                  .ttl(63)
                  .udp(40000, 443)
                  .bytes(short_header(id0(2)))},
  };
}

/// A row for one whose id names nobody, so that its flow decides.
PacketCase nameless(std::string says, const Bytes& datagram) {
  return {
      .says = std::move(says),
      .in = in4(datagram, kClient4, 40001),
      .out = at4(datagram, kBackend4, kClient4, 40001)};
}

std::vector<PacketCase> not_ids() {
  return {
      nameless(
          "Configuration 7 says that nobody is named.", short_header(noise({octet(7), 0xa0, 2}, 9))
      ),
      nameless("A configuration that is not in use.", short_header(noise({octet(1), 0xa0, 2}, 9))),
      nameless("A server id that nobody has.", short_header(id0(9))),
      nameless(
          "A client's first id, 8 bytes of chance, names nobody.",
          long_header({octet(3), 1, 2, 3, 4, 5, 6, 7}, 0xc0)
      ),
      nameless("A long header with an empty id.", long_header({})),
      nameless(
          "A long header's id that is too short for its server id and a nonce.",
          long_header({octet(0), 0xa0, 2, 1, 2, 3})
      ),
      nameless("A long header whose id is longer than any.", long_header(noise(id0(2), 13))),
      nameless(
          "A long header whose id runs beyond the datagram.",
          {0xe0, 0, 0, 0, 1, 20, octet(0), 0xa0, 2, 1, 2, 3, 4}
      ),
      nameless("A short header too short for an id.", {0x40, octet(0), 0xa0, 2, 1}),
      nameless("A datagram of one byte.", {0x40}),
      nameless("An empty datagram.", {}),
      {.says = "On a vip without QUIC ids the same bytes mean nothing.",
       .in = packet().ipv4(kClient4, kPairUdp).udp(40000, 53).bytes(short_header(id0(2))),
       .out = sent()
                  .ipv4(kNode4, kBackend4)
                  .df()
                  .ipv4(kClient4, kPairUdp)
                  .ttl(63)
                  .udp(40000, 53)
                  .bytes(short_header(id0(2)))},
      {.says = "Ethernet padding is no connection id.",
       .in = packet()
                 .ipv4(kClient4, kQuic4)
                 .udp(40001, 443)
                 .bytes({0x40, octet(0), 0xa0, 2})
                 .pad_to(60),
       .out = at4({0x40, octet(0), 0xa0, 2}, kBackend4, kClient4, 40001)},
  };
}

std::vector<PacketCase> lives() {
  const Frame first = in4(long_header({octet(3), 1, 2, 3, 4, 5, 6, 7}, 0xc0));
  const Bytes to_first = short_header(id0(1));
  const Bytes to_second = short_header(id0(2));
  const Bytes begins_at_second = long_header(id0(2), 0xc0);
  return {
      {.says = "A client that changes its address stays with its backend.",
       .before = {{0, first}, {20, in4(to_first)}},
       .then = World{.pair_slots = {1}},
       .in = in4(to_first, kMoved4),
       .out = at4(to_first, kBackend4, kMoved4)},
      {.says = "An id counts more than the flow: the port had another connection before.",
       .before = {{0, first}, {20, in4(to_first)}},
       .in = in4(to_second),
       .out = at4(to_second, kSecond4)},
      {.says = "Packets without an id that names anybody go where the last one went.",
       .before = {{0, in4(to_second)}},
       .in = in4(short_header(id0(9))),
       .out = at4(short_header(id0(9)), kSecond4)},
      {.says = "An ICMP error finds a flow that its id has placed.",
       .before = {{0, in4(to_second, kMoved4)}},
       .in = packet()
                 .ipv4("192.0.2.99", kQuic4)
                 .icmp(3, 4, 1400)
                 .ipv4(kQuic4, kMoved4)
                 .udp(443, 40000)
                 .payload(40),
       .out = sent()
                  .ipv4(kNode4, kSecond4)
                  .df()
                  .ipv4("192.0.2.99", kQuic4)
                  .ttl(63)
                  .icmp(3, 4, 1400)
                  .ipv4(kQuic4, kMoved4)
                  .udp(443, 40000)
                  .payload(40)},
      {.says = "A backend that is down is not named.",
       .world = {.second = FL_MEMBER_DOWN},
       .in = in4(to_second),
       .out = at4(to_second, kBackend4)},
      {.says = "A draining backend keeps its connections when their clients move.",
       .world = {.second = FL_MEMBER_DRAINING},
       .in = in4(to_second),
       .out = at4(to_second, kSecond4)},
      {.says = "A draining backend gets no connection whose first id names it by chance.",
       .world = {.second = FL_MEMBER_DRAINING},
       .in = in4(begins_at_second),
       .out = at4(begins_at_second, kBackend4)},
  };
}

}  // namespace

std::vector<PacketCase> quic_cases() {
  std::vector<PacketCase> all = ids();
  for (auto* part : {not_ids, lives}) {
    auto rows = part();
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

}  // namespace fairlead::packet_table
