// SPDX-License-Identifier: BSD-3-Clause
// Outer headers that are not as net/encap.hh writes them. They are written the usual way first and
// changed then, so that those who want nothing unusual do not pay for it.
#pragma once

#include <cstdint>

namespace fairlead::net {

inline constexpr std::uint8_t kDscpInner = 0xff;

/// Its defaults are what net/encap.hh writes.
struct OuterPolicy {
  std::uint8_t entropy4 = 0;  // low bits of the outer source that are the flow's: 0..24
  std::uint8_t entropy6 = 0;  // 0..64
  std::uint8_t ttl = 64;
  std::uint8_t dscp = kDscpInner;  // 0..63; kDscpInner: that of the inner packet
  bool df_clear = false;           // outer IPv4 without DF
  bool df_inner = false;           // outer IPv4: DF as inside
  bool udp_checksum = false;

  [[nodiscard]] bool usual() const {
    return entropy4 == 0 && entropy6 == 0 && ttl == 64 && dscp == kDscpInner && !df_clear &&
           !df_inner && !udp_checksum;
  }
};

/// Where the one with this number, of all who count identifications of outer packets side by side,
/// begins: the first n of them begin 65536 / n apart (n a power of two), so that a receiver does
/// not put fragments of two of them together. That is for datagrams without DF; with it an
/// identification means nothing (RFC 6864 4.1) and is 0.
constexpr std::uint16_t first_outer_id(unsigned number) {
  unsigned id = 0;
  for (unsigned bit = 0; bit < 16; ++bit) id |= (number >> bit & 1U) << (15 - bit);
  return static_cast<std::uint16_t>(id);
}

/// What of a tunnel packet is to be changed.
struct OuterChange {
  std::uint64_t hash;         // the flow's
  std::uint16_t id;           // IPv4 identification, should DF be cleared
  std::uint32_t outer_bytes;  // from the outer IP header to the inner one
};

/// Changes the outer headers at `outer` (an IP header without options, then the inner packet or
/// UDP, GUE and the inner packet), and the IPv4 header checksum. `readable`: contiguous bytes from
/// `outer` on. With `udp_checksum` the outer UDP checksum is worked out from the inner
/// transport checksum, without the payload; where the inner packet has none that covers it all
/// (fragment, UDP with checksum 0, ICMP, extension headers) it stays 0. True if DF was cleared:
/// `id` is used up.
bool change_outer(
    std::uint8_t* outer,
    std::uint32_t readable,
    const OuterPolicy& policy,
    const OuterChange& change
);

}  // namespace fairlead::net
