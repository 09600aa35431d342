// SPDX-License-Identifier: BSD-3-Clause
// The parts of FlowTable that are inlined into the packet path. Include flow_table.hh instead.
#pragma once

#include <algorithm>
#include <immintrin.h>

#include "dataplane/flow/flow_table.hh"

namespace fairlead::flow {

/// Bit i: tag[i] fits. One 128-bit compare.
[[nodiscard]] inline std::uint32_t tag_mask(const fl_flow_bucket& bucket, std::uint16_t tag) {
  const __m128i tags = _mm_load_si128(reinterpret_cast<const __m128i*>(bucket.tag));
  const __m128i same = _mm_cmpeq_epi16(tags, _mm_set1_epi16(static_cast<short>(tag)));
  return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(same, _mm_setzero_si128()))) &
         0xffU;
}

[[nodiscard]] inline __m256i load_entries(const fl_flow_bucket& bucket) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bucket.entry));
}

inline Position FlowTable::match(std::uint32_t bucket, std::uint16_t tag, std::uint32_t wanted)
    const {
  constexpr std::uint32_t kCompared = FL_FLOW_EXTRA_MASK | FL_FLOW_SECOND;
  const fl_flow_bucket& line = buckets_[bucket];
  for (std::uint32_t hits = tag_mask(line, tag); hits != 0; hits &= hits - 1) {
    const auto i = static_cast<std::uint32_t>(__builtin_ctz(hits));
    const std::uint32_t word = line.entry[i];
    if ((word & kCompared) == wanted && (word & FL_FLOW_STATE_MASK) != 0)
      return bucket * FL_FLOW_ENTRIES + i;
  }
  return kNoPosition;
}

/// fl_flow_extra() of eight hashes, in the place where an entry has it.
[[nodiscard]] inline __m256i extras_in_place(const std::uint64_t* hash) {
  const __m256 low = _mm256_loadu_ps(reinterpret_cast<const float*>(hash));
  const __m256 high = _mm256_loadu_ps(reinterpret_cast<const float*>(hash + 4));
  const __m256i upper_halves = _mm256_permute4x64_epi64(
      _mm256_castps_si256(_mm256_shuffle_ps(low, high, _MM_SHUFFLE(3, 1, 3, 1))),
      _MM_SHUFFLE(3, 1, 2, 0)
  );
  constexpr int kUp = FL_FLOW_EXTRA_SHIFT - (40 - 32);
  return _mm256_and_si256(
      _mm256_slli_epi32(upper_halves, kUp), _mm256_set1_epi32(static_cast<int>(FL_FLOW_EXTRA_MASK))
  );
}

inline bool FlowTable::look_at_home(const std::uint64_t& hash, std::uint32_t& word, Tick*& seen)
    const {
  // From memory, each part for itself: one instruction brings the tag into all lanes, and the hash
  // needs no register. They are fl_flow_bucket_of() and fl_flow_tag().
  std::uint32_t low;
  std::int16_t tag;
  __builtin_memcpy(&low, &hash, sizeof low);
  __builtin_memcpy(&tag, reinterpret_cast<const std::byte*>(&hash) + 6, sizeof tag);
  auto* const line = reinterpret_cast<std::byte*>(&buckets_[low & mask_]);
  const __m128i tags =
      _mm_load_si128(reinterpret_cast<const __m128i*>(line + offsetof(fl_flow_bucket, tag)));
  const auto hits =
      static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi16(tags, _mm_set1_epi16(tag))));
  if (hits == 0) [[unlikely]]
    return false;
  const auto twice = static_cast<std::uint64_t>(__builtin_ctz(hits));  // twice the entry's index
  __builtin_memcpy(&word, line + offsetof(fl_flow_bucket, entry) + 2 * twice, sizeof word);
  seen = reinterpret_cast<Tick*>(line + offsetof(fl_flow_bucket, seen) + twice);
  return true;
}

inline std::uint32_t FlowTable::find_confirmed(
    const std::uint64_t* hash, unsigned count, ConfirmedFlows& out
) const {
  // First all entries, then all comparisons, eight at a time: what needs a bucket's address is one
  // by one, and hardly anything is decided there, so no branch waits for memory.
  std::uint32_t found = 0;
  std::uint32_t missing = 0;
  out.elsewhere = 0;
  for (unsigned at = 0; at < count; at += 8) {
#pragma GCC unroll 8
    for (unsigned i = at; i < at + 8; ++i) {
      if (look_at_home(hash[i], out.word[i], out.seen[i])) [[likely]]
        continue;
      out.word[i] = FL_FLOW_EMPTY;
      missing |= 1U << i;
      if (ask_elsewhere(hash[i])) out.elsewhere |= 1U << i;
    }
  }
  out.absent = missing & ~out.elsewhere;
  const __m256i compared =
      _mm256_set1_epi32(static_cast<int>(FL_FLOW_EXTRA_MASK | FL_FLOW_SECOND | FL_FLOW_STATE_MASK));
  const __m256i confirmed = _mm256_set1_epi32(FL_FLOW_CONFIRMED << FL_FLOW_STATE_SHIFT);
  for (unsigned at = 0; at < count; at += 8) {
    const __m256i words = _mm256_load_si256(reinterpret_cast<const __m256i*>(&out.word[at]));
    const __m256i fits = _mm256_cmpeq_epi32(
        _mm256_and_si256(words, compared), _mm256_or_si256(extras_in_place(hash + at), confirmed)
    );
    found |= static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(fits))) << at;
  }
  return found;
}

inline std::uint32_t FlowTable::overflow_count(std::uint32_t bucket) const {
  // Bit 31 of each entry: exactly what movemask gathers.
  return static_cast<std::uint32_t>(
      _mm256_movemask_ps(_mm256_castsi256_ps(load_entries(buckets_[bucket])))
  );
}

inline std::uint32_t FlowTable::free_mask(std::uint32_t bucket) const {
  const __m256i states = _mm256_and_si256(
      load_entries(buckets_[bucket]), _mm256_set1_epi32(static_cast<int>(FL_FLOW_STATE_MASK))
  );
  const __m256i empty = _mm256_cmpeq_epi32(states, _mm256_setzero_si256());
  return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(empty)));
}

/// Appends `base` + i for each bit i of `mask`, which has eight. Returns how many. Writes eight.
inline std::uint32_t append_set_bits(std::uint32_t mask, std::uint32_t base, std::uint32_t* out) {
  const std::uint64_t wanted = _pdep_u64(mask, 0x0101010101010101ULL) * 0xff;
  const std::uint64_t numbers = _pext_u64(0x0706050403020100ULL, wanted);
  const __m256i wide = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(numbers)));
  const __m256i sum = _mm256_add_epi32(wide, _mm256_set1_epi32(static_cast<int>(base)));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), sum);
  return static_cast<std::uint32_t>(__builtin_popcount(mask));
}

/// Bit i: entry i, if it is one, was idle for more than `limit`. Unsigned 16-bit "greater" is
/// "saturated difference is not zero".
inline std::uint32_t FlowTable::old_mask(std::uint32_t bucket, Tick now, Tick limit) const {
  const __m128i seen = _mm_load_si128(reinterpret_cast<const __m128i*>(buckets_[bucket].seen));
  const __m128i age = _mm_sub_epi16(_mm_set1_epi16(static_cast<short>(now)), seen);
  const __m128i beyond = _mm_subs_epu16(age, _mm_set1_epi16(static_cast<short>(limit)));
  const __m128i young = _mm_cmpeq_epi16(beyond, _mm_setzero_si128());
  const __m128i bytes = _mm_packs_epi16(young, _mm_set1_epi16(-1));
  return ~static_cast<std::uint32_t>(_mm_movemask_epi8(bytes)) & 0xffU;
}

template <typename ProtocolOf>
bool FlowTable::expired(
    Position at, Tick now, const IdleLimits& limits, const ProtocolOf& protocol_of
) const {
  const Tick age = idle(at, now);
  // The shortest of all first: most entries are young, and then the member is not looked up.
  if (age <= limits.shortest) return false;
  return age > limits.of(state(at), protocol_of(member(at)) == 17);
}

inline void FlowTable::write(
    Position at,
    std::uint64_t hash,
    std::uint32_t member,
    FlowState state,
    Tick now,
    std::uint32_t second
) {
  fl_flow_bucket& line = buckets_[at / FL_FLOW_ENTRIES];
  const std::uint32_t i = at % FL_FLOW_ENTRIES;
  line.tag[i] = fl_flow_tag(hash);
  line.seen[i] = now;
  line.entry[i] = (line.entry[i] & FL_FLOW_COUNT_BIT) | (member & FL_FLOW_MEMBER_MASK) |
                  static_cast<std::uint32_t>(state) << FL_FLOW_STATE_SHIFT |
                  fl_flow_extra(hash) << FL_FLOW_EXTRA_SHIFT | second;
  ++size_;
}

inline Position FlowTable::free_entry(std::uint32_t bucket) const {
  const std::uint32_t free = free_mask(bucket);
  if (free == 0) return kNoPosition;
  return bucket * FL_FLOW_ENTRIES + static_cast<std::uint32_t>(__builtin_ctz(free));
}

inline Home FlowTable::home_of(std::uint64_t hash) const {
  const std::uint32_t home = fl_flow_bucket_of(hash, mask_);
  return {
      .free = free_entry(home),
      .has_tag = tag_mask(buckets_[home], fl_flow_tag(hash)) != 0,
      .overflowed = overflow_count(home) != 0,
  };
}

inline void FlowTable::erase(Position at) {
  if ((entry(at) & FL_FLOW_SECOND) != 0) add_overflow(other_bucket(at), -1);
  entry(at) &= FL_FLOW_COUNT_BIT;
  --size_;
}

inline EndedFlow FlowTable::take(Position at) {
  const EndedFlow ended{member(at), state(at)};
  erase(at);
  return ended;
}

template <typename ProtocolOf>
FlowTable::Insertion FlowTable::insert(
    std::uint64_t hash,
    std::uint32_t member,
    FlowState state,
    Tick now,
    const IdleLimits& limits,
    const ProtocolOf& protocol_of,
    Evict evict
) {
  const std::uint32_t home = fl_flow_bucket_of(hash, mask_);
  if (const Position at = free_entry(home); at != kNoPosition) [[likely]] {
    write(at, hash, member, state, now, 0);
    return {Outcome::kInserted, at, {}};
  }
  const std::uint32_t second =
      fl_flow_second_bucket(home, fl_flow_tag(hash), fl_flow_extra(hash), mask_);
  const Insertion result = insert_crowded(home, second, now, evict, limits, [&](Position at) {
    return expired(at, now, limits, protocol_of);
  });
  if (result.outcome != Outcome::kRefused) put(result.at, hash, member, state, now);
  return result;
}

template <typename IsExpired>
FlowTable::Insertion FlowTable::insert_crowded(
    std::uint32_t home,
    std::uint32_t second,
    Tick now,
    Evict evict,
    const IdleLimits& limits,
    const IsExpired& is_expired
) {
  for (const std::uint32_t bucket : {home, second}) {
    // The home bucket alone, before the second is looked at: one line for an attacker's SYN.
    if (bucket == second && evict == Evict::kAllowed && is_nearly_full()) {
      const Position victim = evictable({home}, now);
      if (victim != kNoPosition) return {Outcome::kEvicted, victim, take(victim)};
    }
    if (const Position at = free_entry(bucket); at != kNoPosition)
      return {Outcome::kInserted, at, {}};
    for (std::uint32_t old = old_mask(bucket, now, limits.shortest); old != 0; old &= old - 1) {
      const Position at = bucket * FL_FLOW_ENTRIES + static_cast<std::uint32_t>(__builtin_ctz(old));
      if (is_expired(at)) return {Outcome::kReclaimed, at, take(at)};
    }
  }
  if (const Position at = make_room(home, second); at != kNoPosition)
    return {Outcome::kInserted, at, {}};
  if (evict == Evict::kNever) return {};
  const Position victim = evictable({home, second}, now);
  if (victim == kNoPosition) return {};
  return {Outcome::kEvicted, victim, take(victim)};
}

/// The time-outs of entries by their state, for eight entries at once: the shorter one of TCP's and
/// UDP's. Places without an entry never time out.
[[nodiscard]] inline __m256i shorter_limits(const IdleLimits& limits) {
  alignas(32) std::uint32_t out[FL_FLOW_ENTRIES];
  for (std::uint32_t s = 0; s < FL_FLOW_ENTRIES; ++s) {
    const auto state = static_cast<FlowState>(s);
    out[s] =
        s == FL_FLOW_EMPTY ? 0xffffU : std::min(limits.of(state, true), limits.of(state, false));
  }
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(out));
}

inline std::uint32_t FlowTable::overdue_mask(std::uint32_t bucket, Tick now, __m256i limits) const {
  const fl_flow_bucket& line = buckets_[bucket];
  const __m128i seen = _mm_load_si128(reinterpret_cast<const __m128i*>(line.seen));
  const __m128i age = _mm_sub_epi16(_mm_set1_epi16(static_cast<short>(now)), seen);
  // Of each index this instruction reads three bits: those of the state.
  const __m256i limit = _mm256_permutevar8x32_epi32(
      limits, _mm256_srli_epi32(load_entries(line), FL_FLOW_STATE_SHIFT)
  );
  const __m256i beyond = _mm256_cmpgt_epi32(_mm256_cvtepu16_epi32(age), limit);
  return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(beyond)));
}

template <typename ProtocolOf, typename Ended>
void FlowTable::expire(
    base::Nanoseconds now_ns,
    const IdleLimits& limits,
    const ProtocolOf& protocol_of,
    const Ended& ended
) {
  const Tick now = tick_of(now_ns);
  const __m256i shorter = shorter_limits(limits);
  // Some buckets at a time: first who may be overdue, then each of those. How many a bucket has
  // cannot be foreseen, how many there are in the end is asked once.
  constexpr std::uint32_t kTogether = 16;
  Position overdue[(kTogether + 1) * FL_FLOW_ENTRIES];
  for (std::uint32_t left = due_buckets(now_ns); left != 0;) {
    const std::uint32_t buckets = std::min(left, kTogether);
    left -= buckets;
    std::uint32_t count = 0;
    for (std::uint32_t b = 0; b < buckets; ++b) {
      count += append_set_bits(
          overdue_mask(hand_, now, shorter), hand_ * FL_FLOW_ENTRIES, overdue + count
      );
      hand_ = (hand_ + 1) & mask_;
      // Written to if something expires, which under many new flows it does.
      __builtin_prefetch(&buckets_[(hand_ + 15) & mask_], 1);
    }
    for (std::uint32_t k = 0; k < count; ++k)
      if (expired(overdue[k], now, limits, protocol_of)) ended(take(overdue[k]));
  }
}

template <typename Visit>
void FlowTable::visit_bucket(std::uint32_t bucket, const Visit& visit) const {
  for (std::uint32_t used = ~free_mask(bucket) & 0xffU; used != 0; used &= used - 1)
    visit(bucket * FL_FLOW_ENTRIES + static_cast<std::uint32_t>(__builtin_ctz(used)));
}

template <typename Visit>
void FlowTable::for_each(const Visit& visit) {
  size_ = 0;
  for (std::uint32_t bucket = 0; bucket <= mask_; ++bucket)
    visit_bucket(bucket, [&](Position at) {
      ++size_;
      visit(member(at), state(at), seen(at));
    });
}

template <typename Predicate>
void FlowTable::erase_if(std::uint32_t first, std::uint32_t count, const Predicate& predicate) {
  for (std::uint32_t bucket = first; bucket < first + count && bucket <= mask_; ++bucket) {
    __builtin_prefetch(&buckets_[(bucket + 15) & mask_], 0);
    visit_bucket(bucket, [&](Position at) {
      if (predicate(member(at), state(at))) erase(at);
    });
  }
}

}  // namespace fairlead::flow
