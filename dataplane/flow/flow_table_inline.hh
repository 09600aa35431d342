// SPDX-License-Identifier: BSD-3-Clause
// The parts of FlowTable that are inlined into the packet path. Include flow_table.hh instead.
#pragma once

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
  auto* const line = reinterpret_cast<std::byte*>(&buckets_[fl_flow_bucket_of(hash, mask_)]);
  // From memory: one instruction brings it into all lanes. It is fl_flow_tag().
  std::int16_t tag;
  __builtin_memcpy(&tag, reinterpret_cast<const std::byte*>(&hash) + 6, sizeof tag);
  const __m128i tags =
      _mm_load_si128(reinterpret_cast<const __m128i*>(line + offsetof(fl_flow_bucket, tag)));
  const auto hits =
      static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi16(tags, _mm_set1_epi16(tag))));
  const std::uint64_t twice = _tzcnt_u32(hits) % 16;  // twice the entry's index
  __builtin_memcpy(&word, line + offsetof(fl_flow_bucket, entry) + 2 * twice, sizeof word);
  seen = reinterpret_cast<Tick*>(line + offsetof(fl_flow_bucket, seen) + twice);
  return hits != 0;
}

inline std::uint32_t FlowTable::find_confirmed(
    const std::uint64_t* hash, unsigned count, ConfirmedFlows& out
) const {
  // First all entries, then all comparisons, eight at a time: what needs a bucket's address is one
  // by one, and hardly anything is decided there, so no branch waits for memory.
  std::uint32_t found = 0;
  out.elsewhere = 0;
  for (unsigned at = 0; at < count; at += 8) {
#pragma GCC unroll 8
    for (unsigned i = at; i < at + 8; ++i) {
      if (look_at_home(hash[i], out.word[i], out.seen[i])) [[likely]]
        continue;
      out.word[i] = FL_FLOW_EMPTY;
      if (ask_elsewhere(hash[i])) out.elsewhere |= 1U << i;
    }
  }
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

inline Position FlowTable::insert_at_home(
    std::uint64_t hash, std::uint32_t member, FlowState state, Tick now
) {
  const std::uint32_t home = fl_flow_bucket_of(hash, mask_);
  const std::uint32_t free = free_mask(home);
  if (free == 0) [[unlikely]]
    return kNoPosition;
  const Position at = home * FL_FLOW_ENTRIES + static_cast<std::uint32_t>(__builtin_ctz(free));
  write(at, hash, member, state, now, 0);
  return at;
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
  if (const Position at = insert_at_home(hash, member, state, now); at != kNoPosition) [[likely]]
    return {Outcome::kInserted, at, {}};
  const std::uint32_t home = fl_flow_bucket_of(hash, mask_);
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

template <typename ProtocolOf, typename Ended>
void FlowTable::expire(
    base::Nanoseconds now_ns,
    const IdleLimits& limits,
    const ProtocolOf& protocol_of,
    const Ended& ended
) {
  const Tick now = tick_of(now_ns);
  for (std::uint32_t left = due_buckets(now_ns); left != 0; --left) {
    const std::uint32_t bucket = hand_;
    hand_ = (hand_ + 1) & mask_;
    // Written to if something expires, which under many new flows it does.
    __builtin_prefetch(&buckets_[(hand_ + 15) & mask_], 1);
    const std::uint32_t used = ~free_mask(bucket) & 0xffU;
    for (std::uint32_t old = used & old_mask(bucket, now, limits.shortest); old != 0;
         old &= old - 1) {
      const Position at = bucket * FL_FLOW_ENTRIES + static_cast<std::uint32_t>(__builtin_ctz(old));
      if (expired(at, now, limits, protocol_of)) ended(take(at));
    }
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
