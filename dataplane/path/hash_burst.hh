// SPDX-License-Identifier: BSD-3-Clause
// The flow hashes of a whole burst: SipHash-1-3 in eight lanes at once, bit-identical to
// fl_flow_hash4 and fl_flow_hash6.
#pragma once

#include <cstdint>

#include "dataplane/net/five_tuple.hh"
#include "dataplane/path/burst.hh"

namespace fairlead::path {

inline constexpr unsigned kVectorLanes = 4;
inline constexpr unsigned kHashLanes = 2 * kVectorLanes;

/// One SipHash block of four tuples: one AVX2 register. (GCC 12 takes vectors twice as wide apart
/// through memory: measured 9 ns a packet more.)
using LaneWords [[gnu::vector_size(8 * kVectorLanes)]] = std::uint64_t;

/// Tuples of one family on their way to the hash: block w of tuple t is word[w][t], so that eight
/// tuples' blocks are one vector load. All of a burst are added before the first is hashed: a
/// vector load right behind the narrow stores that filled it would stall.
template <unsigned Blocks>
struct HashQueue {
  alignas(64) std::uint64_t word[Blocks][kBurstPackets];
  std::uint8_t index[kBurstPackets];  // whose the result is: for the caller
  unsigned used = 0;
};
using HashQueue4 = HashQueue<net::kHashBlocks4>;
using HashQueue6 = HashQueue<net::kHashBlocks6>;

using net::kTupleBytes4;
using net::kTupleBytes6;

/// Ports and protocol of the tuple's tail, then the length: fl_tuple_tail().
inline std::uint64_t last_block(const net::FiveTuple& tuple, std::uint64_t bytes) {
  return (tuple.tail_word() & 0xff'ffff'ffffU) | bytes << 56;
}

/// Requires: used < kBurstPackets.
inline void enqueue(HashQueue4& queue, const net::FiveTuple& tuple, unsigned i) {
  queue.word[0][queue.used] = tuple.addresses4();
  queue.word[1][queue.used] = last_block(tuple, kTupleBytes4);
  queue.index[queue.used++] = static_cast<std::uint8_t>(i);
}
inline void enqueue(HashQueue6& queue, const net::FiveTuple& tuple, unsigned i) {
  queue.word[0][queue.used] = tuple.source[0];
  queue.word[1][queue.used] = tuple.source[1];
  queue.word[2][queue.used] = tuple.destination[0];
  queue.word[3][queue.used] = tuple.destination[1];
  queue.word[4][queue.used] = last_block(tuple, kTupleBytes6);
  queue.index[queue.used++] = static_cast<std::uint8_t>(i);
}

/// Hashes of tuples whose block w is word[w][t]: result[t] for t < used. What lies behind in
/// `result` is void, and behind in `word` may be anything.
void hash_words(
    const std::uint64_t* key,
    const std::uint64_t (&word)[net::kHashBlocks4][kBurstPackets],
    unsigned used,
    std::uint64_t* result
);
void hash_words(
    const std::uint64_t* key,
    const std::uint64_t (&word)[net::kHashBlocks6][kBurstPackets],
    unsigned used,
    std::uint64_t* result
);

}  // namespace fairlead::path
