// SPDX-License-Identifier: BSD-3-Clause
// SipHash-1-3 over vectors of words.
#include "dataplane/path/hash_burst.hh"

#include <algorithm>

#include "dataplane/steer/flow_hash.h"

namespace fairlead::path {
namespace {

struct State {
  LaneWords v0;
  LaneWords v1;
  LaneWords v2;
  LaneWords v3;
};

inline void begin(State& s, const std::uint64_t* key) {
  const LaneWords zero = {};
  s.v0 = zero + (std::uint64_t{0x736f6d6570736575} ^ key[0]);
  s.v1 = zero + (std::uint64_t{0x646f72616e646f6d} ^ key[1]);
  s.v2 = zero + (std::uint64_t{0x6c7967656e657261} ^ key[0]);
  s.v3 = zero + (std::uint64_t{0x7465646279746573} ^ key[1]);
}

inline void finish(State& s, unsigned lanes, std::uint64_t* result) {
  s.v2 ^= 0xffU;
  FL_SIPROUND(s.v0, s.v1, s.v2, s.v3);
  FL_SIPROUND(s.v0, s.v1, s.v2, s.v3);
  FL_SIPROUND(s.v0, s.v1, s.v2, s.v3);
  const LaneWords sum = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
  for (unsigned i = 0; i < lanes; ++i) result[i] = sum[i];
}

/// Absorbs word(tuple) of each tuple; unused lanes repeat the first.
template <typename Word>
inline void absorb_each(State& s, std::span<const net::FiveTuple* const> tuples, const Word& word) {
  LaneWords out;
  for (unsigned i = 0; i < kHashLanes; ++i) out[i] = word(*tuples[i < tuples.size() ? i : 0]);
  FL_SIP_ABSORB(s.v0, s.v1, s.v2, s.v3, out);
}

}  // namespace

void hash_lanes4(
    const std::uint64_t* key, std::span<const net::FiveTuple* const> tuples, std::uint64_t* result
) {
  using net::FiveTuple;
  State s;
  begin(s, key);
  absorb_each(s, tuples, [](const FiveTuple& t) { return t.addresses4(); });
  absorb_each(s, tuples, [](const FiveTuple& t) {
    return fl_tuple_tail(t.ports_raw, t.protocol, 13);
  });
  finish(s, static_cast<unsigned>(tuples.size()), result);
}

void hash_lanes6(
    const std::uint64_t* key, std::span<const net::FiveTuple* const> tuples, std::uint64_t* result
) {
  using net::FiveTuple;
  State s;
  begin(s, key);
  absorb_each(s, tuples, [](const FiveTuple& t) { return t.source[0]; });
  absorb_each(s, tuples, [](const FiveTuple& t) { return t.source[1]; });
  absorb_each(s, tuples, [](const FiveTuple& t) { return t.destination[0]; });
  absorb_each(s, tuples, [](const FiveTuple& t) { return t.destination[1]; });
  absorb_each(s, tuples, [](const FiveTuple& t) {
    return fl_tuple_tail(t.ports_raw, t.protocol, 37);
  });
  finish(s, static_cast<unsigned>(tuples.size()), result);
}

}  // namespace fairlead::path
