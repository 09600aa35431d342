// SPDX-License-Identifier: BSD-3-Clause
// Outer headers of eight packets at once: the same bytes as net/encap.hh writes for one
// (tests/unit/dataplane/path/plain_test.cc compares). The fields of eight headers are worked out in
// lanes, checksums included, and transposed into rows, which are then copied in front of the
// packets.
#pragma once

#include <cstdint>

#include "dataplane/net/encap.hh"
#include "dataplane/net/lanes.hh"

namespace fairlead::net {

enum class TunnelShape : std::uint8_t { kIpip, kGue };

/// Bytes of the outer headers of a shape, without a hop list.
[[nodiscard]] constexpr unsigned outer_bytes(TunnelShape shape, std::uint8_t family) {
  return shape == TunnelShape::kGue ? gue_bytes(family, 0) : ipip_bytes(family);
}

/// What eight tunnels have in common and what each says.
struct TunnelLanes {
  const std::uint8_t* source;  // outer
  Lanes inner_bytes;
  Lanes traffic_class;
  Lanes inner_protocol;  // 4 or 41
  Lanes hash;            // low half of the flow's
};

/// Two 16-byte pieces per packet: the outer headers but the destination address.
struct OuterRows {
  alignas(32) std::uint8_t first[kLanes][16];
  alignas(32) std::uint8_t second[kLanes][16];
};

namespace detail {

/// UDP's two words: ports, then length with checksum 0.
inline void udp_lanes(const TunnelLanes& tunnel, std::uint32_t outer, Lanes& ports, Lanes& length) {
  // fl_gue_source_port(), its two bytes swapped.
  const Lanes port = (tunnel.hash >> 17 & 0x7fffU) | 0x8000U;
  ports = number_at0(port) | std::uint32_t{be16::from_host(FL_GUE_PORT).raw()} << 16;
  length = number_at0(tunnel.inner_bytes + outer);
}

/// The first 16 bytes of IPv4 headers: all but the destination.
template <TunnelShape kShape>
void ipv4_rows(const TunnelLanes& tunnel, Lanes destination, OuterRows& rows) {
  constexpr auto kUdp = static_cast<std::uint32_t>(IpProto::kUdp);
  const Lanes total = tunnel.inner_bytes + outer_bytes(kShape, 4);
  const Lanes first = to_bytes2(total) | tunnel.traffic_class << 8 | 0x45U;
  const Lanes second = all_lanes(std::uint32_t{kIpv4DontFragment.raw()} << 16);
  const Lanes protocol = kShape == TunnelShape::kGue ? all_lanes(kUdp) : tunnel.inner_protocol;
  const Lanes ttl_protocol = protocol << 8 | std::uint32_t{kOuterTtl};
  const Lanes source = all_lanes(load32(tunnel.source));
  const Lanes sum = half_words(
      half_words(first) + (second >> 16) + ttl_protocol + half_words(source) +
      half_words(destination)
  );
  const Lanes third = ttl_protocol | ~half_words(sum) << 16;
  store16(rows.first, first, second, third, source);
}

/// Word 0 and 1 of IPv6 headers.
inline void ipv6_lanes(
    const TunnelLanes& tunnel, Lanes payload, Lanes next_header, Lanes& first, Lanes& second
) {
  const __m256i swap = _mm256_setr_epi8(
      3,
      2,
      1,
      0,
      7,
      6,
      5,
      4,
      11,
      10,
      9,
      8,
      15,
      14,
      13,
      12,  //
      3,
      2,
      1,
      0,
      7,
      6,
      5,
      4,
      11,
      10,
      9,
      8,
      15,
      14,
      13,
      12
  );
  const Lanes label = tunnel.hash >> 12;  // fl_outer_flow_label()
  const Lanes host = label | tunnel.traffic_class << 20 | 6U << 28;
  first = reinterpret_cast<Lanes>(_mm256_shuffle_epi8(reinterpret_cast<__m256i>(host), swap));
  second = number_at0(payload) | next_header << 16 | std::uint32_t{kOuterTtl} << 24;
}

inline void copy16(std::uint8_t* to, const std::uint8_t* from) {
  _mm_storeu_si128(
      reinterpret_cast<__m128i*>(to), _mm_loadu_si128(reinterpret_cast<const __m128i*>(from))
  );
}

}  // namespace detail

/// Works the rows out. `destination`: eight outer IPv4 destinations (kFamily 4 only).
template <TunnelShape kShape, std::uint8_t kFamily>
void make_rows(const TunnelLanes& tunnel, Lanes destination, OuterRows& rows) {
  if constexpr (kFamily == 4) {
    detail::ipv4_rows<kShape>(tunnel, destination, rows);
    if constexpr (kShape == TunnelShape::kGue) {
      Lanes ports;
      Lanes length;
      detail::udp_lanes(tunnel, outer_bytes(kShape, 4) - kIpip4Bytes, ports, length);
      // One word behind the GUE header: a hop list without hops.
      const Lanes gue = tunnel.inner_protocol << 8 | 1U;
      store16(rows.second, ports, length, gue, Lanes{});
    }
  } else {
    Lanes first;
    Lanes second;
    if constexpr (kShape == TunnelShape::kGue) {
      Lanes ports;
      Lanes length;
      constexpr unsigned kUdpOuter = outer_bytes(kShape, 6) - kIpip6Bytes;
      detail::udp_lanes(tunnel, kUdpOuter, ports, length);
      constexpr auto kUdp = static_cast<std::uint32_t>(IpProto::kUdp);
      detail::ipv6_lanes(tunnel, tunnel.inner_bytes + kUdpOuter, all_lanes(kUdp), first, second);
      store16(rows.second, ports, length, tunnel.inner_protocol << 8, Lanes{});
    } else {
      detail::ipv6_lanes(tunnel, tunnel.inner_bytes, tunnel.inner_protocol, first, second);
    }
    store16(rows.first, first, second, Lanes{}, Lanes{});
  }
}

/// Puts packet i's outer headers in front of `inner`. `destination`: as loaded from the wire.
template <TunnelShape kShape>
inline void copy_rows4(
    std::uint8_t* inner, const OuterRows& rows, unsigned i, std::uint32_t destination
) {
  std::uint8_t* const at = inner - outer_bytes(kShape, 4);
  detail::copy16(at, rows.first[i]);
  detail::store32(at + 16, destination);
  if constexpr (kShape == TunnelShape::kGue) detail::copy16(at + 20, rows.second[i]);
}

/// The same over IPv6; addresses of 16 bytes.
template <TunnelShape kShape>
inline void copy_rows6(
    std::uint8_t* inner,
    const OuterRows& rows,
    unsigned i,
    const std::uint8_t* source,
    const std::uint8_t* destination
) {
  std::uint8_t* const at = inner - outer_bytes(kShape, 6);
  detail::store64(at, load64(rows.first[i]));
  detail::copy16(at + 8, source);
  detail::copy16(at + 24, destination);
  if constexpr (kShape == TunnelShape::kGue) {
    detail::store64(at + 40, load64(rows.second[i]));
    detail::store32(at + 48, load32(rows.second[i] + 8));
  }
}

/// Bytes 8..11 of eight IPv4 headers with the TTL one less and the checksum as decrement_ttl()
/// makes it.
[[nodiscard]] inline Lanes decremented_ttl4(Lanes word) {
  const Lanes checksum = (word >> 16) + 1U;
  const Lanes carried = checksum - above(checksum, all_lanes(0xfffe));
  return ((word & 0xffffU) - 1U) | carried << 16;
}

}  // namespace fairlead::net
