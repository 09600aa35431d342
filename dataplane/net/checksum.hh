// SPDX-License-Identifier: BSD-3-Clause
// The Internet checksum (RFC 1071) over headers, and its incremental update (RFC 1624).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "dataplane/net/wire.hh"

namespace fairlead::net {

/// Folds a 64-bit sum of 16- or 32-bit words to 16 bits with end-around carry. Adding a word to
/// itself rotated by half puts high + low + carry into the upper half: three instructions a step.
[[nodiscard]] inline std::uint16_t fold_sum(std::uint64_t sum) {
  const auto half = static_cast<std::uint32_t>((sum + std::rotl(sum, 32)) >> 32);
  return static_cast<std::uint16_t>((half + std::rotl(half, 16)) >> 16);
}

/// One's complement sum of the 20 bytes of an IPv4 header without options: written out, because
/// the compiler does not unroll it at -O2.
[[nodiscard]] inline std::uint64_t sum_words20(const std::uint8_t* at) {
  const std::uint64_t first = load64(at);
  const std::uint64_t second = load64(at + 8);
  return (first & 0xffffffffU) + (first >> 32) + (second & 0xffffffffU) + (second >> 32) +
         load32(at + 16);
}

/// One's complement sum of `bytes` bytes (a multiple of 4) in the byte order of the packet.
[[nodiscard]] inline std::uint64_t sum_words(const std::uint8_t* at, std::size_t bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes; i += 4) sum += load32(at + i);
  return sum;
}

/// True if the header's checksum field fits its content. Reads header_bytes (20..60) bytes.
[[nodiscard]] inline bool ipv4_checksum_ok(const std::uint8_t* header, std::size_t header_bytes) {
  if (header_bytes == 20) [[likely]]
    return fold_sum(sum_words20(header)) == 0xffff;
  return fold_sum(sum_words(header, header_bytes)) == 0xffff;
}

/// Raw value for the checksum field of a header whose field is zero now.
[[nodiscard]] inline std::uint16_t ipv4_checksum(
    const std::uint8_t* header, std::size_t header_bytes
) {
  return static_cast<std::uint16_t>(~fold_sum(sum_words(header, header_bytes)));
}

/// RFC 1624, equation 3: checksum after one 16-bit word of the header changed (all values raw).
[[nodiscard]] inline std::uint16_t checksum_update(
    std::uint16_t checksum, std::uint16_t old_word, std::uint16_t new_word
) {
  const std::uint32_t sum = static_cast<std::uint16_t>(~checksum) +
                            std::uint32_t{static_cast<std::uint16_t>(~old_word)} + new_word;
  return static_cast<std::uint16_t>(~fold_sum(sum));
}

}  // namespace fairlead::net
