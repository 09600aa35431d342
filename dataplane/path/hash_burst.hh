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
using HashQueue4 = HashQueue<2>;
using HashQueue6 = HashQueue<5>;

/// Length of the message in the last block's last byte, as SipHash wants it.
inline constexpr std::uint64_t kTupleBytes4 = 13;
inline constexpr std::uint64_t kTupleBytes6 = 37;

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

/// Hashes of the queue's tuples: result[t] for t < used; what lies behind in `result` is void.
/// Writes behind the queue's used words.
void hash_queue(
    const std::uint64_t* key, HashQueue4& queue, std::uint64_t (&result)[kBurstPackets]
);
void hash_queue(
    const std::uint64_t* key, HashQueue6& queue, std::uint64_t (&result)[kBurstPackets]
);

}  // namespace fairlead::path
