/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// The flow hash and what is derived from it: identical in DPDK, XDP and simulator.
///
/// SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012) with the fleet's
/// secret key, over the tuple as it is on the wire: source address, destination address, source
/// port, destination port, protocol: 13 bytes for IPv4, 37 for IPv6. An attacker who does not
/// know the key cannot aim flows at a bucket, a slot or a backend. Golden values: tests/unit/
/// dataplane/steer/flow_hash_test.cc; independent oracle: tests/oracle/flow_hash.py.
#ifndef FAIRLEAD_STEER_FLOW_HASH_H
#define FAIRLEAD_STEER_FLOW_HASH_H

#include <stdint.h>

#define FL_ROTL64(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define FL_SIPROUND(v0, v1, v2, v3) \
  do {                              \
    v0 += v1;                       \
    v1 = FL_ROTL64(v1, 13);         \
    v1 ^= v0;                       \
    v0 = FL_ROTL64(v0, 32);         \
    v2 += v3;                       \
    v3 = FL_ROTL64(v3, 16);         \
    v3 ^= v2;                       \
    v0 += v3;                       \
    v3 = FL_ROTL64(v3, 21);         \
    v3 ^= v0;                       \
    v2 += v1;                       \
    v1 = FL_ROTL64(v1, 17);         \
    v1 ^= v2;                       \
    v2 = FL_ROTL64(v2, 32);         \
  } while (0)

#define FL_SIP_ABSORB(v0, v1, v2, v3, word) \
  do {                                      \
    v3 ^= (word);                           \
    FL_SIPROUND(v0, v1, v2, v3);            \
    v0 ^= (word);                           \
  } while (0)

#define FL_SIP_BEGIN(key)                         \
  uint64_t v0 = 0x736f6d6570736575ULL ^ (key)[0]; \
  uint64_t v1 = 0x646f72616e646f6dULL ^ (key)[1]; \
  uint64_t v2 = 0x6c7967656e657261ULL ^ (key)[0]; \
  uint64_t v3 = 0x7465646279746573ULL ^ (key)[1]

#define FL_SIP_END()           \
  v2 ^= 0xff;                  \
  FL_SIPROUND(v0, v1, v2, v3); \
  FL_SIPROUND(v0, v1, v2, v3); \
  FL_SIPROUND(v0, v1, v2, v3); \
  return v0 ^ v1 ^ v2 ^ v3

/// Last SipHash block of a tuple: ports as the 32-bit little-endian word read from the wire (source
/// port first), protocol, message length.
static inline uint64_t fl_tuple_tail(uint32_t ports_raw, uint8_t protocol, uint8_t length) {
  return (uint64_t)ports_raw | (uint64_t)protocol << 32 | (uint64_t)length << 56;
}

/// addresses: source and destination, 8 bytes read from the wire as one little-endian word.
static inline uint64_t fl_flow_hash4(
    const uint64_t key[2], uint64_t addresses, uint32_t ports_raw, uint8_t protocol
) {
  FL_SIP_BEGIN(key);
  FL_SIP_ABSORB(v0, v1, v2, v3, addresses);
  FL_SIP_ABSORB(v0, v1, v2, v3, fl_tuple_tail(ports_raw, protocol, 13));
  FL_SIP_END();
}

/// addresses: source then destination, 32 bytes read from the wire as four little-endian words.
static inline uint64_t fl_flow_hash6(
    const uint64_t key[2], const uint64_t addresses[4], uint32_t ports_raw, uint8_t protocol
) {
  FL_SIP_BEGIN(key);
  FL_SIP_ABSORB(v0, v1, v2, v3, addresses[0]);
  FL_SIP_ABSORB(v0, v1, v2, v3, addresses[1]);
  FL_SIP_ABSORB(v0, v1, v2, v3, addresses[2]);
  FL_SIP_ABSORB(v0, v1, v2, v3, addresses[3]);
  FL_SIP_ABSORB(v0, v1, v2, v3, fl_tuple_tail(ports_raw, protocol, 37));
  FL_SIP_END();
}

/// Slot of candidate number `candidate` (0..3) in a table of `table_size` slots: 32 hash bits,
/// multiplied up instead of divided (Lemire, "Fast random integer generation", 2019). Candidate 0
/// uses the high half; the others an odd multiplier each (fractional parts of square roots).
static inline uint32_t fl_candidate_slot(uint64_t hash, uint32_t candidate, uint32_t table_size) {
  uint64_t mixed = hash;
  if (candidate == 1) mixed = hash * 0x6a09e667f3bcc909ULL;
  if (candidate == 2) mixed = hash * 0xbb67ae8584caa73bULL;
  if (candidate == 3) mixed = hash * 0x3c6ef372fe94f82bULL;
  return (uint32_t)(((mixed >> 32) * (uint64_t)table_size) >> 32);
}

/// Where a flow's entry lies and what identifies it there (see fl_flow_bucket).
static inline uint32_t fl_flow_bucket_of(uint64_t hash, uint32_t bucket_mask) {
  return (uint32_t)hash & bucket_mask;
}
static inline uint16_t fl_flow_tag(uint64_t hash) {
  return (uint16_t)(hash >> 48);
}
static inline uint32_t fl_flow_extra(uint64_t hash) {
  return (uint32_t)(hash >> 40) & 0xffu;
}
/// The other bucket of an entry, from either of its two: an involution, never the bucket itself.
static inline uint32_t fl_flow_second_bucket(
    uint32_t bucket, uint16_t tag, uint32_t extra, uint32_t bucket_mask
) {
  const uint32_t step = (((uint32_t)tag << 8 | extra) * 0x9e3779b1u) >> 5;
  return bucket ^ ((step & bucket_mask) | 1u);
}

/// Index hash of a vip: address (masked) as two little-endian words, protocol, port in network
/// order (0: any). Not secret: a crafted destination costs at most FL_VIP_PROBES probes.
static inline uint32_t fl_vip_hash(
    uint64_t low, uint64_t high, uint8_t protocol, uint16_t port_raw
) {
  uint64_t h = low * 0x9e3779b97f4a7c15ULL;
  h = (h ^ (h >> 32) ^ high) * 0xc2b2ae3d27d4eb4fULL;
  h = (h ^ (h >> 29) ^ ((uint64_t)protocol << 16 | port_raw)) * 0x165667b19e3779f9ULL;
  return (uint32_t)(h >> 32);
}

#endif
