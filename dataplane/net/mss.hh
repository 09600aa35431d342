// SPDX-License-Identifier: BSD-3-Clause
// The MSS options of a TCP SYN (RFC 9293 3.7.1): found, lowered, checksum adjusted (RFC 1624).
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "dataplane/net/checksum.hh"
#include "dataplane/net/wire.hh"

namespace fairlead::net {

inline constexpr std::uint32_t kLeastMss = 216;  // no SYN is clamped below: 256 bytes a packet
inline constexpr std::uint8_t kTcpOptionEnd = 0;
inline constexpr std::uint8_t kTcpOptionNop = 1;
inline constexpr std::uint8_t kTcpOptionMss = 2;

/// Calls visit(at) for each MSS option, in order: `at` is the position of its two bytes of value in
/// `tcp` (from the first byte of the TCP header on; may be longer than the header). Ends where the
/// options make no sense. At most 40 steps.
template <typename Visit>
void for_each_mss(std::span<const std::uint8_t> tcp, const Visit& visit) {
  const auto* header = view_as<TcpHeader>(tcp);
  if (header == nullptr) return;
  const std::size_t end = std::min<std::size_t>(header->header_bytes(), tcp.size());
  std::size_t at = sizeof *header;
  while (at < end && tcp[at] != kTcpOptionEnd) {
    if (tcp[at] == kTcpOptionNop) {
      ++at;
      continue;
    }
    if (at + 1 >= end || tcp[at + 1] < 2 || at + tcp[at + 1] > end) return;
    if (tcp[at] == kTcpOptionMss && tcp[at + 1] == 4) visit(at + 2);
    at += tcp[at + 1];
  }
}

/// Lowers every MSS that is larger than `most`: of several, receivers take the first or the last
/// (Linux). A SYN without the option stays as it is (its receiver then assumes 536 or 1220). True
/// if something was changed.
inline bool clamp_mss(std::span<std::uint8_t> tcp, std::uint32_t most) {
  bool changed = false;
  for_each_mss(tcp, [&](std::size_t at) {
    const std::uint32_t offered = std::uint32_t{tcp[at]} << 8 | tcp[at + 1];
    if (offered <= most) return;
    auto* const header = write_as<TcpHeader>(tcp.data());
    const be16 before = be16::from_host(static_cast<std::uint16_t>(offered));
    const be16 after = be16::from_host(static_cast<std::uint16_t>(most));
    tcp[at] = static_cast<std::uint8_t>(most >> 8);
    tcp[at + 1] = static_cast<std::uint8_t>(most & 0xffU);
    // At an odd place the two bytes lie in two words of the sum: swapped, their weights are right.
    const bool odd = at % 2 != 0;
    header->checksum = be16::from_raw(checksum_update(
        header->checksum.raw(),
        odd ? __builtin_bswap16(before.raw()) : before.raw(),
        odd ? __builtin_bswap16(after.raw()) : after.raw()
    ));
    changed = true;
  });
  return changed;
}

}  // namespace fairlead::net
