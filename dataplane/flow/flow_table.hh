// SPDX-License-Identifier: BSD-3-Clause
// A worker's memory of its flows: fixed size, one writer, one cache line per lookup.
//
// Shape, and why
//   A flow costs 8 bytes: 16 bits of hash (tag), 8 more (extra), member number, state, time of the
//   last packet; see fl_flow_bucket in steer/abi.h. Eight of them fill one cache line, so 16.7
//   million entries fit in 128 MiB, and a lookup waits for memory once. Storing the tuple instead
//   (13 or 37 bytes) would need 4 to 6 times the memory and a second miss; what the digest costs is
//   a false match with probability 5e-7 per new flow in a full bucket, and then the flow goes to a
//   live backend of its own vip.
//
//   Home bucket first. At load a (entries / capacity) the number of flows per home bucket is
//   Poisson with mean 8a. What does not fit goes to the flow's second bucket, and the home bucket
//   counts it. A lookup reads the second line only if the home line has no match and its count is
//   not 0. Expected share of flows outside their home: 2.0 % at a = 0.6 (10 million flows), 5 % at
//   0.75. The usual "emptier of two buckets" rule would need both lines for every insert and half
//   of all hits.
//
//   Moves. Where both buckets are full, one entry of the 16 is moved to its own other bucket
//   (cuckoo hashing with partial keys: Fan et al., "Cuckoo Filter", 2014; depth 1): one that can
//   go home if there is one, else one that is not confirmed. An insert is
//   refused only if all 18 buckets in reach are full of entries that may not be evicted:
//   tests/unit/dataplane/flow fills to 75 % and 85 % and counts refusals.
//
//   Expiry. A clock hand passes over the buckets (expire()), a few lines per burst, the whole table
//   about every kSweepPeriod; besides, an insert reuses expired entries that it meets. Nothing
//   else scans, there are no timers and no lists.
//
//   Eviction. When nothing is free and nothing can be moved, an entry that is not confirmed gives
//   way: a reset flow first, else the longest idle one. An honest client's half-open flow is
//   confirmed within a round trip; what has waited longest is the least likely to be one. When the
//   table is more than 31/32 full, as a flood makes it, one of the home bucket gives way before
//   anything else is tried: 17 more lines for a move are not worth it. Confirmed flows are never
//   evicted: a SYN flood cannot displace them.
//
// Thread: one writer (the worker). Others may read the region and see torn but harmless entries.
// No allocation after attach(); no clock is read; time is a parameter in ticks of FL_FLOW_TICK_NS.
// A restarted process that attaches to the same region finds its flows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <immintrin.h>
#include <initializer_list>
#include <span>

#include "dataplane/base/clock.hh"
#include "dataplane/base/result.hh"
#include "dataplane/steer/abi.h"
#include "dataplane/steer/flow_hash.h"

namespace fairlead::flow {

/// Time in units of FL_FLOW_TICK_NS, modulo 2^16.
using Tick = std::uint16_t;

[[nodiscard]] constexpr Tick tick_of(base::Nanoseconds now) {
  return static_cast<Tick>(now / FL_FLOW_TICK_NS);
}

/// Whole time the expiry hand needs for one turn. Far below the 4.5 h after which ticks wrap.
inline constexpr base::Nanoseconds kSweepPeriod = 4 * base::kSecond;

enum class FlowState : std::uint8_t {
  kEmpty = FL_FLOW_EMPTY,
  kNew = FL_FLOW_NEW,
  kConfirmed = FL_FLOW_CONFIRMED,
  kClosing = FL_FLOW_CLOSING,
  kReset = FL_FLOW_RESET,
  kAdopted = FL_FLOW_ADOPTED,
};

/// Counted in its backend's in-flight flows.
[[nodiscard]] constexpr bool is_open(FlowState state) {
  return state == FlowState::kNew || state == FlowState::kConfirmed;
}

/// An entry's place: bucket * FL_FLOW_ENTRIES + index. Valid until the next insert().
using Position = std::uint32_t;
inline constexpr Position kNoPosition = 0xffffffffU;

/// A flow's home bucket.
struct Home {
  Position free;    // kNoPosition: it is full
  bool has_tag;     // an entry has the flow's tag
  bool overflowed;  // a flow whose home it is may lie in its second bucket
};

/// An entry that left the table other than by erase(), for the caller's books.
struct EndedFlow {
  std::uint32_t member = FL_NO_MEMBER;
  FlowState state = FlowState::kEmpty;
};

/// Idle time-outs in ticks, by state and protocol. Those of confirmed flows include what their
/// `seen` may be late (FL_SEEN_STEP).
struct IdleLimits {
  Tick fresh = 12;
  Tick confirmed = 1200;
  Tick closing = 40;
  Tick reset = 12;
  Tick adopted = 40;
  Tick udp_fresh = 40;  // UDP: one packet so far
  Tick udp = 240;       // UDP otherwise
  Tick shortest = 12;   // of all: entries younger than this need no closer look

  [[nodiscard]] Tick of(FlowState state, bool is_udp) const {
    if (is_udp) return state == FlowState::kNew ? udp_fresh : udp;
    switch (state) {
      case FlowState::kNew:
        return fresh;
      case FlowState::kConfirmed:
        return confirmed;
      case FlowState::kReset:
        return reset;
      case FlowState::kAdopted:
        return adopted;
      case FlowState::kClosing:
      case FlowState::kEmpty:
        break;
    }
    return closing;
  }
};

/// Limits from a published bank. Times above the range of ticks become the longest possible.
[[nodiscard]] IdleLimits idle_limits(const fl_bank& bank);

class FlowTable {
 public:
  /// An empty table without memory: attach() before use.
  FlowTable() = default;

  /// Over a region of kind FL_REGION_FLOWS: header line, then header.parameter buckets (a power of
  /// two, at least 2). Errors: kDataLoss if header and size disagree. Does not clear: what is there
  /// stays.
  static base::Result<FlowTable> attach(std::span<std::byte> region);

  /// Smallest power of two of buckets that holds `flows` at no more than 80 % load.
  [[nodiscard]] static std::uint64_t buckets_for(std::uint64_t flows);
  [[nodiscard]] static std::size_t region_bytes(std::uint64_t buckets) {
    return (buckets + 1) * FL_LINE_BYTES;
  }

  [[nodiscard]] bool attached() const { return buckets_ != nullptr; }
  [[nodiscard]] std::uint32_t bucket_count() const { return mask_ + 1; }
  [[nodiscard]] std::uint64_t capacity() const {
    return std::uint64_t{bucket_count()} * FL_FLOW_ENTRIES;
  }
  /// Entries in use now.
  [[nodiscard]] std::uint64_t size() const { return size_; }

  /// Asks the cache for the flow's home line. Cost: one instruction.
  void prefetch(std::uint64_t hash) const {
    __builtin_prefetch(&buckets_[fl_flow_bucket_of(hash, mask_)], 1, 3);
  }

  /// The flow's entry, or kNoPosition. One line; a second if the home bucket has overflowed.
  [[nodiscard]] Position find(std::uint64_t hash) const {
    const std::uint32_t home = fl_flow_bucket_of(hash, mask_);
    const std::uint32_t extra = fl_flow_extra(hash);
    const std::uint16_t tag = fl_flow_tag(hash);
    const std::uint32_t wanted = extra << FL_FLOW_EXTRA_SHIFT;
    const Position at = match(home, tag, wanted);
    if (at != kNoPosition || overflow_count(home) == 0) return at;
    const std::uint32_t second = fl_flow_second_bucket(home, tag, extra, mask_);
    return match(second, tag, wanted | FL_FLOW_SECOND);
  }

  /// Entries of a burst's flows: see find_confirmed() and find_elsewhere().
  struct ConfirmedFlows {
    static constexpr unsigned kMost = 32;
    alignas(32) std::uint32_t word[kMost];  // as word() has it
    Tick* seen[kMost];
    std::uint32_t elsewhere;  // bit i: not known yet, its home bucket has overflowed
    std::uint32_t absent;     // bit i: find() would say kNoPosition
  };
  /// Bit i, for i < count: hash[i] has a confirmed flow's entry, and `out` says which. That is what
  /// find() mostly ends with, in half the instructions. A bit that is not set says nothing (two
  /// entries of a bucket may share a tag): ask find(). Reads home buckets only; second ones are
  /// asked for and left to find_elsewhere(). Bits from `count` on are void. Requires: count <=
  /// kMost; hash is readable up to a multiple of 8.
  std::uint32_t find_confirmed(const std::uint64_t* hash, unsigned count, ConfirmedFlows& out)
      const;
  /// The same for the flows `which`, of out.elsewhere, in their second buckets. As long after
  /// find_confirmed() as can be: waiting for these lines at once cost 1.7 ns a packet of 10 million
  /// flows, although it is one line in fifty.
  std::uint32_t find_elsewhere(const std::uint64_t* hash, std::uint32_t which, ConfirmedFlows& out)
      const;

  /// The packed entry (see fl_flow_bucket), for callers that look at several of its fields.
  [[nodiscard]] std::uint32_t word(Position at) const { return entry(at); }
  [[nodiscard]] std::uint32_t member(Position at) const { return entry(at) & FL_FLOW_MEMBER_MASK; }
  [[nodiscard]] FlowState state(Position at) const {
    return static_cast<FlowState>((entry(at) & FL_FLOW_STATE_MASK) >> FL_FLOW_STATE_SHIFT);
  }
  [[nodiscard]] Tick seen(Position at) const {
    return buckets_[at / FL_FLOW_ENTRIES].seen[at % FL_FLOW_ENTRIES];
  }
  /// Ticks since the entry's last packet; of a confirmed flow up to FL_SEEN_STEP - 1 too many.
  [[nodiscard]] Tick idle(Position at, Tick now) const { return fl_flow_idle(now, seen(at)); }

  /// Notes a packet. A busy flow's line is not dirtied by it: see FL_SEEN_STEP.
  void touch(Position at, Tick now) {
    note(
        buckets_[at / FL_FLOW_ENTRIES].seen[at % FL_FLOW_ENTRIES],
        now,
        state(at) == FlowState::kConfirmed ? FL_SEEN_STEP : 1
    );
  }
  /// The same for a confirmed flow whose `seen` is at hand.
  static void touch_confirmed(Tick& seen, Tick now) { note(seen, now, FL_SEEN_STEP); }
  void set_state(Position at, FlowState state) {
    std::uint32_t& word = entry(at);
    word = (word & ~FL_FLOW_STATE_MASK) | static_cast<std::uint32_t>(state) << FL_FLOW_STATE_SHIFT;
  }
  /// Frees an entry; the caller knows what it was.
  void erase(Position at);

  /// Whether a new entry may displace one that is not confirmed.
  enum class Evict : std::uint8_t { kAllowed, kNever };
  enum class Outcome : std::uint8_t { kInserted, kEvicted, kReclaimed, kRefused };
  struct Insertion {
    Outcome outcome = Outcome::kRefused;
    Position at = kNoPosition;  // of the new entry; other positions are void after an insertion
    EndedFlow ended;            // kEvicted, kReclaimed: the entry that gave way
  };

  /// Adds a flow that find() does not know. kReclaimed: took the place of an expired entry;
  /// kEvicted: of one that was not confirmed; kRefused: no room (see Eviction above).
  /// `protocol_of(member)` tells which time-out applies (17: UDP).
  /// Cost: one or two lines; where both are full up to 16 more, once, unless the table is.
  template <typename ProtocolOf>
  Insertion insert(
      std::uint64_t hash,
      std::uint32_t member,
      FlowState state,
      Tick now,
      const IdleLimits& limits,
      const ProtocolOf& protocol_of,
      Evict evict = Evict::kAllowed
  );

  /// What there is to know of a flow's home bucket before a flow is entered there.
  [[nodiscard]] Home home_of(std::uint64_t hash) const;
  /// Enters a flow at home_of(hash).free.
  void insert_at_home(
      Position free, std::uint64_t hash, std::uint32_t member, FlowState state, Tick now
  ) {
    write(free, hash, member, state, now, 0);
  }

  /// Whether expire() would look at a bucket: a compare, for callers that ask at every burst.
  [[nodiscard]] bool sweep_is_due(base::Nanoseconds now) const {
    return now - swept_until_ >= sweep_gap_;  // a clock that was put back: far beyond it
  }

  /// Advances the expiry hand as far as the time since the last call asks for, at most
  /// kMaxBucketsPerStep; calls ended(EndedFlow) for each entry removed.
  template <typename ProtocolOf, typename Ended>
  void expire(
      base::Nanoseconds now_ns,
      const IdleLimits& limits,
      const ProtocolOf& protocol_of,
      const Ended& ended
  );

  /// What identifies a flow in this table, for people: home bucket, tag and extra bits, as one
  /// number. Tables of one size agree on it.
  [[nodiscard]] std::uint64_t identity(Position at) const;
  [[nodiscard]] std::uint64_t identity_of(std::uint64_t hash) const {
    return std::uint64_t{fl_flow_bucket_of(hash, mask_)} << 24 |
           std::uint64_t{fl_flow_tag(hash)} << 8 | fl_flow_extra(hash);
  }
  [[nodiscard]] bool in_second_bucket(Position at) const {
    return (entry(at) & FL_FLOW_SECOND) != 0;
  }

  /// Calls visit(position) for every entry of a bucket.
  template <typename Visit>
  void visit_bucket(std::uint32_t bucket, const Visit& visit) const;

  /// Calls visit(member, state, seen) for every entry, and sets size(). For attaching and for
  /// tools: reads the whole table.
  template <typename Visit>
  void for_each(const Visit& visit);

  /// Until the next call: no entry moves from a bucket >= `bucket` to one below it, so a sweep that
  /// has come so far meets every entry once. 0: entries move freely.
  void fence(std::uint32_t bucket) { fence_ = bucket; }

  /// Frees every entry that predicate(member, state) selects, in buckets [first, first + count).
  template <typename Predicate>
  void erase_if(std::uint32_t first, std::uint32_t count, const Predicate& predicate);

  static constexpr std::uint32_t kMaxBucketsPerStep = 512;

 private:
  static void note(Tick& seen, Tick now, Tick step) {
    if (fl_flow_is_due(now, seen, step) != 0) seen = now;
  }
  [[nodiscard]] std::uint32_t& entry(Position at) const {
    return buckets_[at / FL_FLOW_ENTRIES].entry[at % FL_FLOW_ENTRIES];
  }
  bool look_at_home(const std::uint64_t& hash, std::uint32_t& word, Tick*& seen) const;
  [[nodiscard]] std::uint32_t second_bucket(std::uint64_t hash) const {
    const std::uint32_t home = fl_flow_bucket_of(hash, mask_);
    return fl_flow_second_bucket(home, fl_flow_tag(hash), fl_flow_extra(hash), mask_);
  }
  /// True if the flow may be in its second bucket: that line is asked for.
  [[nodiscard]] bool ask_elsewhere(std::uint64_t hash) const;
  [[nodiscard]] Position match(std::uint32_t bucket, std::uint16_t tag, std::uint32_t wanted) const;
  [[nodiscard]] std::uint32_t free_mask(std::uint32_t bucket) const;
  [[nodiscard]] std::uint32_t old_mask(std::uint32_t bucket, Tick now, Tick limit) const;
  /// Bit i: entry i has been idle for longer than `limits` (shorter_limits()) allow; perhaps its
  /// protocol allows more.
  [[nodiscard]] std::uint32_t overdue_mask(std::uint32_t bucket, Tick now, __m256i limits) const;
  [[nodiscard]] std::uint32_t overflow_count(std::uint32_t bucket) const;
  void add_overflow(std::uint32_t bucket, int by);
  [[nodiscard]] Position free_entry(std::uint32_t bucket) const;
  [[nodiscard]] std::uint32_t other_bucket(Position at) const;
  void write(
      Position at,
      std::uint64_t hash,
      std::uint32_t member,
      FlowState state,
      Tick now,
      std::uint32_t second
  );
  void put(Position at, std::uint64_t hash, std::uint32_t member, FlowState state, Tick now);
  /// Above 31/32: see Eviction.
  [[nodiscard]] bool is_nearly_full() const { return size_ > capacity() / 32 * 31; }
  [[nodiscard]] Position make_room(std::uint32_t home, std::uint32_t second);
  void move(Position from, Position to);
  [[nodiscard]] EndedFlow take(Position at);
  [[nodiscard]] Position evictable(std::initializer_list<std::uint32_t> buckets, Tick now) const;
  [[nodiscard]] std::uint32_t due_buckets(base::Nanoseconds now);

  template <typename IsExpired>
  Insertion insert_crowded(
      std::uint32_t home,
      std::uint32_t second,
      Tick now,
      Evict evict,
      const IdleLimits& limits,
      const IsExpired& is_expired
  );
  template <typename ProtocolOf>
  [[nodiscard]] bool expired(
      Position at, Tick now, const IdleLimits& limits, const ProtocolOf& protocol_of
  ) const;

  fl_flow_bucket* buckets_ = nullptr;
  std::uint32_t mask_ = 0;
  std::uint32_t hand_ = 0;
  std::uint32_t fence_ = 0;
  std::uint64_t size_ = 0;
  base::Nanoseconds swept_until_ = 0;  // 0: expire() has not run yet
  base::Nanoseconds sweep_gap_ = 0;    // of a bucket, rounded down
};

}  // namespace fairlead::flow

#include "dataplane/flow/flow_table_inline.hh"
