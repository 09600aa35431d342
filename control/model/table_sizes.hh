// SPDX-License-Identifier: BSD-3-Clause
// The sizes that a vip's table may have.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace fairlead::model {

/// Rising: primes just above or below powers of two.
inline constexpr std::array<std::uint32_t, 13> kTableSizes = {
    251,
    509,
    1021,
    2039,
    4093,
    8191,
    16381,
    32749,
    65537,
    131101,
    262147,
    524309,
    1048583,
};

/// Pools of any size have at least so many slots unless told otherwise.
inline constexpr std::uint32_t kLeastDefaultTableSize = 8191;

/// The size of a vip's table that does not say its own: the smallest with 800 slots a backend;
/// 65537 are always enough if they are 100 a backend, else the smallest with so many; the largest
/// if none has. Why so: docs/steering.md, section 4.
constexpr std::uint32_t default_table_size(std::size_t backends) {
  const std::size_t fine = 800 * backends;
  const std::size_t least = 100 * backends;
  for (const std::uint32_t size : kTableSizes) {
    if (size < kLeastDefaultTableSize || size < least) continue;
    if (size >= fine || size >= 65537) return size;
  }
  return kTableSizes.back();
}

}  // namespace fairlead::model
