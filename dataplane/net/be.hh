// SPDX-License-Identifier: BSD-3-Clause
// Integers in network byte order as types of their own: comparing a wire value with a host value,
// or a port with a protocol number, does not compile. No arithmetic, no ordering, no conversion.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>

namespace fairlead::net {

template <std::unsigned_integral T>
class [[gnu::packed]] BigEndian {
 public:
  BigEndian() = default;
  static constexpr BigEndian from_host(T value) { return BigEndian(swap(value)); }
  static constexpr BigEndian from_raw(T value) { return BigEndian(value); }
  [[nodiscard]] constexpr T host() const { return swap(raw_); }
  [[nodiscard]] constexpr T raw() const { return raw_; }
  friend constexpr bool operator==(BigEndian a, BigEndian b) { return a.raw_ == b.raw_; }

 private:
  constexpr explicit BigEndian(T raw) : raw_(raw) {}
  static constexpr T swap(T v) {
    if constexpr (std::endian::native == std::endian::big || sizeof(T) == 1) {
      return v;
    } else if constexpr (sizeof(T) == 2) {
      return __builtin_bswap16(v);
    } else if constexpr (sizeof(T) == 4) {
      return __builtin_bswap32(v);
    } else {
      return __builtin_bswap64(v);
    }
  }
  T raw_;
};

using be16 = BigEndian<std::uint16_t>;
using be32 = BigEndian<std::uint32_t>;
using be64 = BigEndian<std::uint64_t>;

static_assert(sizeof(be16) == 2 && alignof(be16) == 1);
static_assert(sizeof(be32) == 4 && alignof(be32) == 1);

}  // namespace fairlead::net
