// SPDX-License-Identifier: BSD-3-Clause
// Stage 2 for plain packets: vips by comparing four destinations at once, hashes of all.
#include "dataplane/net/lanes.hh"
#include "dataplane/path/hash_burst.hh"
#include "dataplane/path/pipeline.hh"

namespace fairlead::path {
namespace {

/// Destination port, protocol and message length of a tuple's last hash block, at the bottom.
constexpr unsigned kServiceShift = 16;

__m256i four_words(const std::uint64_t* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}
__m256i four_times(std::uint64_t word) {
  return _mm256_set1_epi64x(static_cast<long long>(word));
}
std::uint32_t lanes_of_zero(__m256i words) {
  const __m256i zero = _mm256_cmpeq_epi64(words, _mm256_setzero_si256());
  return static_cast<std::uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(zero)));
}

/// Bit t: the first `used` tuples, those with the destination address, port and protocol of tuple
/// `like`.
std::uint32_t same_service4(const net::PlainPackets& plain, unsigned like, unsigned used) {
  const __m256i address = four_times(plain.tuple4[0][like] >> 32);
  const __m256i service = four_times(plain.tuple4[1][like] >> kServiceShift);
  std::uint32_t out = 0;
  for (unsigned t = 0; t < used; t += kVectorLanes) {
    const __m256i other = _mm256_srli_epi64(four_words(&plain.tuple4[0][t]), 32) ^ address;
    const __m256i tail = _mm256_srli_epi64(four_words(&plain.tuple4[1][t]), kServiceShift);
    out |= lanes_of_zero(other | (tail ^ service)) << t;
  }
  return out;
}

std::uint32_t same_service6(const net::PlainPackets& plain, unsigned like, unsigned used) {
  const __m256i low = four_times(plain.tuple6[2][like]);
  const __m256i high = four_times(plain.tuple6[3][like]);
  const __m256i service = four_times(plain.tuple6[4][like] >> kServiceShift);
  std::uint32_t out = 0;
  for (unsigned t = 0; t < used; t += kVectorLanes) {
    const __m256i other =
        (four_words(&plain.tuple6[2][t]) ^ low) | (four_words(&plain.tuple6[3][t]) ^ high);
    const __m256i tail = _mm256_srli_epi64(four_words(&plain.tuple6[4][t]), kServiceShift);
    out |= lanes_of_zero(other | (tail ^ service)) << t;
  }
  return out;
}

const fl_vip* vip_of4(const steer::TableView& table, const net::PlainPackets& plain, unsigned i) {
  const std::uint64_t tail = plain.tuple4[1][i];
  return table.find_vip(
      plain.tuple4[0][i] >> 32,
      0,
      4,
      static_cast<std::uint8_t>(tail >> 32),
      static_cast<std::uint16_t>(tail >> 16)
  );
}

const fl_vip* vip_of6(const steer::TableView& table, const net::PlainPackets& plain, unsigned i) {
  const std::uint64_t tail = plain.tuple6[4][i];
  return table.find_vip(
      plain.tuple6[2][i],
      plain.tuple6[3][i],
      6,
      static_cast<std::uint8_t>(tail >> 32),
      static_cast<std::uint16_t>(tail >> 16)
  );
}

/// Packets for no vip of ours.
void punt_all(Burst& burst, std::uint32_t packets) {
  for (; packets != 0; packets &= packets - 1) {
    const auto i = static_cast<unsigned>(__builtin_ctz(packets));
    punt(burst, i, FL_REASON_NO_VIP);
    forget(burst, i);
  }
}

void drop_all(Burst& burst, std::uint32_t packets, fl_reason reason) {
  for (; packets != 0; packets &= packets - 1) {
    const auto i = static_cast<unsigned>(__builtin_ctz(packets));
    drop(burst, i, reason);
    forget(burst, i);
  }
}

/// Asks the index once per destination in the burst, not once per packet.
template <typename SameService, typename VipOf>
void find_vips(
    Burst& burst, std::uint32_t packets, const SameService& same_service, const VipOf& vip_of
) {
  while (packets != 0) {
    const auto first = static_cast<unsigned>(__builtin_ctz(packets));
    const std::uint32_t same = same_service(first) & packets;
    packets &= ~same;
    const fl_vip* const vip = vip_of(first);
    if (vip == nullptr) {
      punt_all(burst, same);
    } else {
      burst.plain_vips[burst.plain_vip_count++] = {vip, same};
    }
  }
}

/// Flow hashes of the families that are there. Lanes without a packet get what is never looked at.
void hash_all(const std::uint64_t* key, Burst& burst) {
  const net::PlainPackets& plain = burst.plain;
  if (plain.v6 == 0) return hash_words(key, plain.tuple4, burst.count, burst.hash.data());
  if (plain.v4 == 0) return hash_words(key, plain.tuple6, burst.count, burst.hash.data());
  alignas(32) std::uint64_t hashes6[kBurstPackets];
  hash_words(key, plain.tuple6, burst.count, hashes6);
  hash_words(key, plain.tuple4, burst.count, burst.hash.data());
  for (std::uint32_t left = plain.v6; left != 0; left &= left - 1) {
    const auto i = static_cast<unsigned>(__builtin_ctz(left));
    burst.hash[i] = hashes6[i];
  }
}

}  // namespace

void classify_plain(WorkerContext& context, Burst& burst) {
  const net::PlainPackets& plain = burst.plain;
  burst.plain_vip_count = 0;
  if (plain.any() == 0) return;
  const steer::TableView& table = context.table;
  if (!table.valid()) return drop_all(burst, plain.any(), FL_REASON_NO_TABLE);
  find_vips(
      burst,
      plain.v4,
      [&](unsigned i) { return same_service4(plain, i, burst.count); },
      [&](unsigned i) { return vip_of4(table, plain, i); }
  );
  find_vips(
      burst,
      plain.v6,
      [&](unsigned i) { return same_service6(plain, i, burst.count); },
      [&](unsigned i) { return vip_of6(table, plain, i); }
  );
  if (burst.plain_vip_count == 0) return;
  hash_all(table.hash_key(), burst);
  // Of all packets: a bucket too many costs less than the question.
  for (unsigned i = 0; i < burst.count; ++i) context.flows.prefetch(burst.hash[i]);
}

}  // namespace fairlead::path
