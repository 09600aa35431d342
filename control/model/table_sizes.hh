// SPDX-License-Identifier: BSD-3-Clause
// The sizes that a vip's table may have.
#pragma once

#include <array>
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

}  // namespace fairlead::model
