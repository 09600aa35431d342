// SPDX-License-Identifier: BSD-3-Clause
// The flow hashes of a whole burst: SipHash-1-3 in eight lanes at once, bit-identical to
// fl_flow_hash4 and fl_flow_hash6.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/net/five_tuple.hh"

namespace fairlead::path {

inline constexpr unsigned kHashLanes = 8;

/// One SipHash block of eight tuples. The compiler maps it to two AVX2 registers.
using LaneWords [[gnu::vector_size(8 * kHashLanes)]] = std::uint64_t;

/// Hashes of up to eight IPv4 tuples (all of family 4): result[lane] for tuples[lane].
void hash_lanes4(
    const std::uint64_t* key, std::span<const net::FiveTuple* const> tuples, std::uint64_t* result
);
/// The same for IPv6 tuples.
void hash_lanes6(
    const std::uint64_t* key, std::span<const net::FiveTuple* const> tuples, std::uint64_t* result
);

}  // namespace fairlead::path
