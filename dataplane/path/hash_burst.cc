// SPDX-License-Identifier: BSD-3-Clause
// SipHash-1-3 over vectors of words.
#include "dataplane/path/hash_burst.hh"

#include <cstring>

#include "dataplane/steer/flow_hash.h"

namespace fairlead::path {
namespace {

/// Four tuples' SipHash.
struct State {
  LaneWords v0;
  LaneWords v1;
  LaneWords v2;
  LaneWords v3;
};

[[gnu::always_inline]] inline void begin(State& s, const std::uint64_t* key) {
  const LaneWords zero = {};
  s.v0 = zero + (std::uint64_t{0x736f6d6570736575} ^ key[0]);
  s.v1 = zero + (std::uint64_t{0x646f72616e646f6d} ^ key[1]);
  s.v2 = zero + (std::uint64_t{0x6c7967656e657261} ^ key[0]);
  s.v3 = zero + (std::uint64_t{0x7465646279746573} ^ key[1]);
}

[[gnu::always_inline]] inline void absorb(State& s, const std::uint64_t* words) {
  LaneWords block;
  std::memcpy(&block, words, sizeof block);
  FL_SIP_ABSORB(s.v0, s.v1, s.v2, s.v3, block);
}

[[gnu::always_inline]] inline void finish(State& s, std::uint64_t* result) {
  s.v2 ^= 0xffU;
  FL_SIPROUND(s.v0, s.v1, s.v2, s.v3);
  FL_SIPROUND(s.v0, s.v1, s.v2, s.v3);
  FL_SIPROUND(s.v0, s.v1, s.v2, s.v3);
  const LaneWords hashes = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
  std::memcpy(result, &hashes, sizeof hashes);
}

template <unsigned Blocks>
[[gnu::always_inline]] inline void hash_all(
    const std::uint64_t* key,
    const std::uint64_t (&word)[Blocks][kBurstPackets],
    unsigned used,
    std::uint64_t* result
) {
  // Two chains of dependent instructions side by side keep the vector units busy.
  for (unsigned t = 0; t < used; t += kHashLanes) {
    State left;
    State right;
    begin(left, key);
    begin(right, key);
    for (const auto& words : word) {
      absorb(left, &words[t]);
      absorb(right, &words[t + kVectorLanes]);
    }
    finish(left, &result[t]);
    finish(right, &result[t + kVectorLanes]);
  }
}

/// AVX-512 has rotations, which AVX2 makes of three instructions each: two thirds of the
/// instructions. Vectors stay at 32 bytes: wider ones lower the clock of older machines.
const bool kHasRotations = __builtin_cpu_supports("avx512vl") != 0;

template <unsigned Blocks>
[[gnu::target("avx512f,avx512vl")]] void hash_with_rotations(
    const std::uint64_t* key,
    const std::uint64_t (&word)[Blocks][kBurstPackets],
    unsigned used,
    std::uint64_t* result
) {
  hash_all(key, word, used, result);
}

template <unsigned Blocks>
void hash_as_machine_can(
    const std::uint64_t* key,
    const std::uint64_t (&word)[Blocks][kBurstPackets],
    unsigned used,
    std::uint64_t* result
) {
  if (kHasRotations) return hash_with_rotations(key, word, used, result);
  hash_all(key, word, used, result);
}

}  // namespace

void hash_words(
    const std::uint64_t* key,
    const std::uint64_t (&word)[net::kHashBlocks4][kBurstPackets],
    unsigned used,
    std::uint64_t* result
) {
  hash_as_machine_can(key, word, used, result);
}

void hash_words(
    const std::uint64_t* key,
    const std::uint64_t (&word)[net::kHashBlocks6][kBurstPackets],
    unsigned used,
    std::uint64_t* result
) {
  hash_as_machine_can(key, word, used, result);
}

}  // namespace fairlead::path
