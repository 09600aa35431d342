// SPDX-License-Identifier: BSD-3-Clause
// Parsing of what nearly all packets are, eight at a time: untagged TCP or UDP over IPv4 without
// options or IPv6 without extension headers, and nothing wrong with it.
//
// parse_packet() is the definition of what is right. The functions here accept a subset of what it
// accepts and find the same fields; whatever they are not sure of they leave to it.
// tests/unit/dataplane/net/plain_test.cc compares the two over mutated frames.
//
// How: eight headers are transposed, so that a register holds one field of all eight
// (net/lanes.hh), and a check is one or two instructions for the eight. What is wrong is gathered
// in `bad`, and nothing branches on single packets. Words are as they lie in the packet (host is
// little-endian), so constants are written in wire order from the right. Measured against the same
// checks for one packet after the other: docs/performance.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/net/lanes.hh"
#include "dataplane/net/parse.hh"
#include "dataplane/net/wire.hh"

namespace fairlead::net {

/// Blocks of SipHash of an IPv4 and an IPv6 tuple: addresses, then ports, protocol and length of
/// the message as fl_tuple_tail() puts them.
inline constexpr unsigned kHashBlocks4 = 2;
inline constexpr unsigned kHashBlocks6 = 5;
inline constexpr std::uint64_t kTupleBytes4 = 13;
inline constexpr std::uint64_t kTupleBytes6 = 37;

/// What is known of up to kMost plain packets, structure of arrays: 3 KiB. Only what belongs to set
/// bits is valid.
struct PlainPackets {
  static constexpr unsigned kMost = 32;

  std::uint32_t v4;  // bit i: packet i is plain IPv4
  std::uint32_t v6;  // bit i: packet i is plain IPv6
  alignas(32) std::uint64_t tuple4[kHashBlocks4][kMost];
  alignas(32) std::uint64_t tuple6[kHashBlocks6][kMost];
  alignas(32) std::uint32_t ip_bytes[kMost];
  alignas(32) std::uint32_t traffic_class[kMost];
  alignas(32) std::uint32_t ttl_word[kMost];  // bytes 8..11 of the IPv4, 4..7 of the IPv6 header
  alignas(32) std::uint32_t l4[kMost];        // TCP flags (UDP: 0), protocol << 8

  [[nodiscard]] std::uint32_t any() const { return v4 | v6; }
  [[nodiscard]] std::uint8_t tcp_flags(unsigned i) const {
    return static_cast<std::uint8_t>(l4[i]);
  }
};

namespace plain {

inline constexpr std::uint32_t kEthernet = sizeof(EthernetHeader);
inline constexpr std::uint32_t kLeast4 = kEthernet + sizeof(Ipv4Header) + sizeof(TcpHeader);
inline constexpr std::uint32_t kLeast6 = kEthernet + sizeof(Ipv6Header) + sizeof(TcpHeader);
inline constexpr std::uint32_t kTcp = static_cast<std::uint32_t>(IpProto::kTcp);
inline constexpr std::uint32_t kUdp = static_cast<std::uint32_t>(IpProto::kUdp);

/// Bit n: n, the flags FIN, SYN, RST, PSH, ACK of a TCP header, makes no sense: none of FIN, SYN,
/// RST, ACK, or SYN together with FIN or RST.
consteval std::uint32_t senseless_flags() {
  std::uint32_t out = 0;
  for (std::uint32_t flags = 0; flags < 32; ++flags) {
    const bool syn_and_end = (flags & kTcpSyn) != 0 && (flags & (kTcpFin | kTcpRst)) != 0;
    const bool none = (flags & (kTcpFin | kTcpSyn | kTcpRst | kTcpAck)) == 0;
    if (none || syn_and_end) out |= 1U << flags;
  }
  return out;
}

/// Layer 4 of eight packets.
struct L4 {
  Lanes ports;         // source port first, raw
  Lanes third;         // bytes 4..7: for UDP the length, then its checksum
  Lanes offset_flags;  // bytes 12 and 13, in the low half
  Lanes protocol;
  Lanes bytes;  // as the IP header says
};

/// Lanes that need a closer look; `info` becomes PlainPackets::l4.
inline Lanes check_l4(const L4& l4, Lanes& info) {
  const Lanes tcp = equal(l4.protocol, all_lanes(kTcp));
  const Lanes flags = l4.offset_flags >> 8;
  const Lanes header_bytes = (l4.offset_flags & 0xf0U) >> 2;
  const Lanes bad_flags = all_lanes(senseless_flags()) >> (flags & 31U);
  const Lanes bad_tcp = above(header_bytes, l4.bytes) |
                        above(all_lanes(sizeof(TcpHeader)), header_bytes) |
                        (Lanes{} - (bad_flags & 1U));
  const Lanes udp_bytes = number_at0(l4.third);
  const Lanes bad_udp = above(udp_bytes, l4.bytes) |
                        above(all_lanes(sizeof(UdpHeader)), udp_bytes) |
                        ~equal(l4.protocol, all_lanes(kUdp));
  info = l4.protocol << 8 | (flags & tcp);
  return choose(tcp, bad_tcp, bad_udp) | equal(l4.ports & 0xffffU, Lanes{}) |
         equal(l4.ports >> 16, Lanes{});
}

/// Columns [at, at + 8) of `out` for eight frames of at least kLeast4 readable bytes. Returns the
/// lanes that are not plain IPv4 although their ethertype may say so.
inline Lanes parse4(Frames frames, Lanes frame_bytes, unsigned at, PlainPackets& out) {
  const SixteenBytes head = load16(frames, kEthernet);       // up to the source address
  const SixteenBytes tail = load16(frames, kEthernet + 16);  // destination, ports, 8 bytes more
  const Lanes first = head.word[0];                          // version, TOS, total length
  const Lanes ttl_word = head.word[2];                       // TTL, protocol, checksum
  const Lanes source = head.word[3];
  const Lanes destination = tail.word[0];
  const Lanes total = number_at2(first);
  const Lanes network = source & 0xffU;
  const Lanes sum = half_words(
      half_words(first) + half_words(head.word[1]) + half_words(ttl_word) + half_words(source) +
      half_words(destination)
  );
  const L4 l4{
      .ports = tail.word[1],
      .third = tail.word[2],
      .offset_flags = load2(frames, kEthernet + sizeof(Ipv4Header) + 12),
      .protocol = ttl_word >> 8 & 0xffU,
      .bytes = total - std::uint32_t{sizeof(Ipv4Header)},
  };
  Lanes info;
  Lanes bad = check_l4(l4, info);
  bad |= ~equal(first & 0xffU, all_lanes(0x45));       // version 4, five words
  bad |= ~equal(head.word[1] & 0xff3f0000U, Lanes{});  // a fragment
  bad |= ~equal(half_words(sum), all_lanes(0xffff));   // checksum
  bad |= above(total, frame_bytes - kEthernet);        // longer than the frame
  bad |= above(all_lanes(sizeof(Ipv4Header) + sizeof(UdpHeader)), total);
  bad |= above(all_lanes(2), ttl_word & 0xffU);  // TTL 0 or 1
  bad |= equal(network, Lanes{}) | equal(network, all_lanes(127)) | above(network, all_lanes(223));
  bad |= equal(source, destination);

  store_pairs(&out.tuple4[0][at], source, destination);
  store_pairs(
      &out.tuple4[1][at], l4.ports, l4.protocol | static_cast<std::uint32_t>(kTupleBytes4 << 24)
  );
  store_lanes(&out.ip_bytes[at], total);
  store_lanes(&out.traffic_class[at], first >> 8 & 0xffU);
  store_lanes(&out.ttl_word[at], ttl_word);
  store_lanes(&out.l4[at], info);
  return bad;
}

/// The same for IPv6, of at least kLeast6 bytes. Where `keep` is set, what parse4() said stays.
inline Lanes parse6(Frames frames, Lanes frame_bytes, Lanes keep, unsigned at, PlainPackets& out) {
  // From the ethertype on, so that the source address begins in the middle of word 2.
  const SixteenBytes head = load16(frames, kEthernet - 2);
  const SixteenBytes tail = load16(frames, kEthernet + sizeof(Ipv6Header));
  store_quads(out.tuple6, at, frames, kEthernet + 8);
  store_quads(out.tuple6, at + 4, frames + 4, kEthernet + 8);
  const Lanes payload = number_at2(head.word[1]);
  const Lanes protocol = head.word[2] & 0xffU;
  const Lanes hop_limit = head.word[2] >> 8 & 0xffU;
  const Lanes traffic_class = (head.word[0] >> 12 & 0xf0U) | head.word[0] >> 28;
  const L4 l4{
      .ports = tail.word[0],
      .third = tail.word[1],
      .offset_flags = tail.word[3] & 0xffffU,
      .protocol = protocol,
      .bytes = payload,
  };
  Lanes info;
  Lanes bad = check_l4(l4, info);
  bad |= ~equal(head.word[0] & 0x00f00000U, all_lanes(0x00600000));  // version 6
  bad |= equal(head.word[2] >> 16 & 0xffU, all_lanes(0xff));         // multicast source
  bad |= above(payload + std::uint32_t{sizeof(Ipv6Header)}, frame_bytes - kEthernet);
  bad |= above(all_lanes(sizeof(UdpHeader)), payload);
  bad |= above(all_lanes(2), hop_limit);

  store_pairs(
      &out.tuple6[4][at], l4.ports, protocol | static_cast<std::uint32_t>(kTupleBytes6 << 24)
  );
  const auto put = [&](std::uint32_t* field, Lanes value) {
    store_lanes(field, choose(keep, load_lanes(field), value));
  };
  put(&out.ip_bytes[at], payload + std::uint32_t{sizeof(Ipv6Header)});
  put(&out.traffic_class[at], traffic_class);
  put(&out.ttl_word[at], head.word[1] >> 16 | head.word[2] << 16);
  put(&out.l4[at], info);
  return bad;
}

/// Bit i: the addresses of column at + i need a closer look: source ::/64 (unspecified, loopback,
/// IPv4-mapped), or equal to the destination.
inline std::uint32_t odd_addresses6(const PlainPackets& packets, unsigned at) {
  const auto load = [&](unsigned word, unsigned half) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(&packets.tuple6[word][at + 4 * half])
    );
  };
  std::uint32_t out = 0;
  for (unsigned half = 0; half < 2; ++half) {
    const __m256i source = load(0, half);
    const __m256i none = _mm256_cmpeq_epi64(source, _mm256_setzero_si256());
    const __m256i same = _mm256_and_si256(
        _mm256_cmpeq_epi64(source, load(2, half)), _mm256_cmpeq_epi64(load(1, half), load(3, half))
    );
    const int bits = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_or_si256(none, same)));
    out |= static_cast<std::uint32_t>(bits) << (4 * half);
  }
  return out;
}

/// What is read in place of a frame that is too short: nothing plain.
alignas(64) inline constexpr std::uint8_t kNothing[kLeast6] = {};

/// Room for eight addresses of frames: `frames` where the bit is set, kNothing elsewhere.
struct Readable {
  const std::uint8_t* frame[kLanes];

  Frames only(Frames frames, std::uint32_t bits) {
    for (unsigned i = 0; i < kLanes; ++i) frame[i] = (bits >> i & 1U) != 0 ? frames[i] : kNothing;
    return frame;
  }
};

/// Bit i: at least `least` bytes of frame i can be read.
inline std::uint32_t long_enough(const std::uint32_t* length, std::uint32_t least) {
  return bits_of(above(load_lanes(length), all_lanes(least - 1)));
}

}  // namespace plain

/// Looks at frames [at, at + 8): sets bits at.. of out.v4 and out.v6 and those packets' columns.
/// Parameters as parse_packet()'s, eight of each; those whose bit in `present` is not set are not
/// touched. Requires: at is a multiple of 8, below PlainPackets::kMost.
inline void parse_plain(
    Frames frames,
    const std::uint32_t* length,
    const std::uint32_t* frame_bytes,
    std::uint32_t present,
    unsigned at,
    PlainPackets& out
) {
  constexpr std::uint32_t kAll = (1U << kLanes) - 1;
  const std::uint32_t readable = present & plain::long_enough(length, plain::kLeast4);
  plain::Readable substitutes;
  if (readable != kAll) [[unlikely]]
    frames = substitutes.only(frames, readable);
  const Lanes type = load2(frames, plain::kEthernet - 2);
  std::uint32_t v4 = readable & bits_of(equal(type, all_lanes(kEtherIpv4.raw())));
  std::uint32_t v6 = readable & bits_of(equal(type, all_lanes(kEtherIpv6.raw())));
  const Lanes total = load_lanes(frame_bytes);
  if (v4 != 0) v4 &= ~bits_of(plain::parse4(frames, total, at, out));
  if (v6 != 0) {
    v6 &= plain::long_enough(length, plain::kLeast6);
    plain::Readable longer;
    if (v6 != kAll) frames = longer.only(frames, v6);
    v6 &= ~bits_of(plain::parse6(frames, total, lanes_of(v4), at, out));
    v6 &= ~plain::odd_addresses6(out, at);
  }
  out.v4 |= v4 << at;
  out.v6 |= v6 << at;
}

/// Column i as parse_packet() would put it. Requires: its bit in v4 or v6 is set.
inline void describe(const PlainPackets& packets, unsigned i, ParsedPacket& out) {
  out = ParsedPacket{};
  const bool is4 = (packets.v4 >> i & 1U) != 0;
  if (is4) {
    out.tuple.source[0] = packets.tuple4[0][i] & 0xffffffffU;
    out.tuple.destination[0] = packets.tuple4[0][i] >> 32;
    out.tuple.ports_raw = static_cast<std::uint32_t>(packets.tuple4[1][i]);
  } else {
    for (unsigned w = 0; w < 2; ++w) {
      out.tuple.source[w] = packets.tuple6[w][i];
      out.tuple.destination[w] = packets.tuple6[w + 2][i];
    }
    out.tuple.ports_raw = static_cast<std::uint32_t>(packets.tuple6[4][i]);
  }
  out.tuple.protocol = static_cast<std::uint8_t>(packets.l4[i] >> 8);
  out.tuple.family = is4 ? 4 : 6;
  out.ip_bytes = packets.ip_bytes[i];
  out.l3_offset = plain::kEthernet;
  out.l4_offset =
      is4 ? plain::kEthernet + sizeof(Ipv4Header) : plain::kEthernet + sizeof(Ipv6Header);
  out.tcp_flags = packets.tcp_flags(i);
  out.traffic_class = static_cast<std::uint8_t>(packets.traffic_class[i]);
  out.ttl = static_cast<std::uint8_t>(is4 ? packets.ttl_word[i] : packets.ttl_word[i] >> 24);
}

}  // namespace fairlead::net
