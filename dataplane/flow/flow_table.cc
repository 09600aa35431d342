// SPDX-License-Identifier: BSD-3-Clause
// The rarer half of FlowTable: attaching, overflow, moves, eviction, expiry pace.
#include "dataplane/flow/flow_table.hh"

#include <algorithm>
#include <bit>

namespace fairlead::flow {
namespace {

constexpr base::Nanoseconds kMillisecondsPerTick = FL_FLOW_TICK_NS / base::kMillisecond;
// Leaves room for a turn of the hand before ticks wrap.
constexpr std::uint64_t kLongestLimit = 65000;
constexpr Tick kLate = FL_SEEN_STEP - 1;
constexpr std::uint32_t kOverflowStuck = 255;

/// Which entries had better move.
enum class Mobility : std::uint8_t { kGoesHome, kUnsettled, kSettled };

Mobility mobility_of(std::uint32_t word) {
  if ((word & FL_FLOW_SECOND) != 0) return Mobility::kGoesHome;
  const bool confirmed = (word & FL_FLOW_STATE_MASK) == FL_FLOW_CONFIRMED << FL_FLOW_STATE_SHIFT;
  return confirmed ? Mobility::kSettled : Mobility::kUnsettled;
}

Tick ticks(std::uint32_t milliseconds) {
  const std::uint64_t up =
      (std::uint64_t{milliseconds} + kMillisecondsPerTick - 1) / kMillisecondsPerTick;
  return static_cast<Tick>(std::clamp<std::uint64_t>(up, 1, kLongestLimit));
}

}  // namespace

IdleLimits idle_limits(const fl_bank& bank) {
  IdleLimits limits;
  limits.fresh = ticks(bank.idle_new_ms);
  limits.confirmed = ticks(bank.idle_confirmed_ms) + kLate;
  limits.closing = ticks(bank.idle_closing_ms);
  limits.reset = ticks(bank.idle_reset_ms);
  limits.adopted = ticks(bank.idle_adopted_ms);
  limits.udp_fresh = ticks(bank.idle_udp_new_ms);
  limits.udp = ticks(bank.idle_udp_ms) + kLate;
  limits.shortest = std::min(
      {limits.fresh,
       limits.confirmed,
       limits.closing,
       limits.reset,
       limits.adopted,
       limits.udp_fresh,
       limits.udp}
  );
  return limits;
}

base::Result<FlowTable> FlowTable::attach(std::span<std::byte> region) {
  if (region.size() < 3 * std::size_t{FL_LINE_BYTES})
    return base::fail(base::ErrorCode::kDataLoss, "flow region is smaller than two buckets");
  const auto* header = reinterpret_cast<const fl_region_header*>(region.data());
  const std::uint64_t buckets = header->parameter;
  const bool sound = header->kind == FL_REGION_FLOWS && buckets >= 2 && buckets <= (1U << 28) &&
                     std::has_single_bit(buckets) && region_bytes(buckets) <= region.size();
  if (!sound)
    return base::fail(
        base::ErrorCode::kDataLoss,
        "flow region says " + std::to_string(buckets) + " buckets in " +
            std::to_string(region.size()) + " bytes; remove the file to start afresh"
    );
  FlowTable table;
  table.buckets_ = reinterpret_cast<fl_flow_bucket*>(region.data() + FL_LINE_BYTES);
  table.mask_ = static_cast<std::uint32_t>(buckets - 1);
  table.sweep_gap_ = kSweepPeriod / buckets;
  return table;
}

std::uint64_t FlowTable::buckets_for(std::uint64_t flows) {
  const std::uint64_t entries = flows + flows / 4;  // 80 % load
  return std::max<std::uint64_t>(
      2, std::bit_ceil((entries + FL_FLOW_ENTRIES - 1) / FL_FLOW_ENTRIES)
  );
}

bool FlowTable::ask_elsewhere(std::uint64_t hash) const {
  if (overflow_count(fl_flow_bucket_of(hash, mask_)) == 0) return false;
  __builtin_prefetch(&buckets_[second_bucket(hash)], 1, 3);
  return true;
}

std::uint32_t FlowTable::find_elsewhere(
    const std::uint64_t* hash, std::uint32_t which, ConfirmedFlows& out
) const {
  std::uint32_t found = 0;
  for (; which != 0; which &= which - 1) {
    const auto i = static_cast<unsigned>(__builtin_ctz(which));
    const std::uint32_t wanted = fl_flow_extra(hash[i]) << FL_FLOW_EXTRA_SHIFT | FL_FLOW_SECOND;
    const Position at = match(second_bucket(hash[i]), fl_flow_tag(hash[i]), wanted);
    if (at == kNoPosition) out.absent |= which & -which;
    if (at == kNoPosition || state(at) != FlowState::kConfirmed) continue;
    out.word[i] = entry(at);
    out.seen[i] = &buckets_[at / FL_FLOW_ENTRIES].seen[at % FL_FLOW_ENTRIES];
    found |= which & -which;
  }
  return found;
}

void FlowTable::add_overflow(std::uint32_t bucket, int by) {
  const std::uint32_t count = overflow_count(bucket);
  if (count == kOverflowStuck) return;
  const std::uint32_t changed = count + static_cast<std::uint32_t>(by);
  fl_flow_bucket& line = buckets_[bucket];
  for (std::uint32_t i = 0; i < FL_FLOW_ENTRIES; ++i)
    line.entry[i] = (line.entry[i] & ~FL_FLOW_COUNT_BIT) | ((changed >> i & 1U) << 31);
}

std::uint32_t FlowTable::other_bucket(Position at) const {
  const std::uint32_t bucket = at / FL_FLOW_ENTRIES;
  const std::uint16_t tag = buckets_[bucket].tag[at % FL_FLOW_ENTRIES];
  const std::uint32_t extra = (entry(at) & FL_FLOW_EXTRA_MASK) >> FL_FLOW_EXTRA_SHIFT;
  return fl_flow_second_bucket(bucket, tag, extra, mask_);
}

std::uint64_t FlowTable::identity(Position at) const {
  const std::uint32_t home = in_second_bucket(at) ? other_bucket(at) : at / FL_FLOW_ENTRIES;
  const std::uint32_t extra = (entry(at) & FL_FLOW_EXTRA_MASK) >> FL_FLOW_EXTRA_SHIFT;
  return std::uint64_t{home} << 24 |
         std::uint64_t{buckets_[at / FL_FLOW_ENTRIES].tag[at % FL_FLOW_ENTRIES]} << 8 | extra;
}

void FlowTable::put(
    Position at, std::uint64_t hash, std::uint32_t member, FlowState state, Tick now
) {
  const std::uint32_t home = fl_flow_bucket_of(hash, mask_);
  const bool outside = at / FL_FLOW_ENTRIES != home;
  write(at, hash, member, state, now, outside ? FL_FLOW_SECOND : 0U);
  if (outside) add_overflow(home, +1);
}

void FlowTable::move(Position from, Position to) {
  const std::uint32_t old_bucket = from / FL_FLOW_ENTRIES;
  const std::uint32_t new_bucket = to / FL_FLOW_ENTRIES;
  const bool was_second = (entry(from) & FL_FLOW_SECOND) != 0;
  fl_flow_bucket& source = buckets_[old_bucket];
  fl_flow_bucket& target = buckets_[new_bucket];
  const std::uint32_t i = from % FL_FLOW_ENTRIES;
  const std::uint32_t j = to % FL_FLOW_ENTRIES;
  target.tag[j] = source.tag[i];
  target.seen[j] = source.seen[i];
  const std::uint32_t count_bit = target.entry[j] & FL_FLOW_COUNT_BIT;
  target.entry[j] = count_bit | ((source.entry[i] & ~FL_FLOW_COUNT_BIT) ^ FL_FLOW_SECOND);
  source.entry[i] &= FL_FLOW_COUNT_BIT;
  // The home is the new bucket if the entry was outside, else the old one.
  add_overflow(was_second ? new_bucket : old_bucket, was_second ? -1 : +1);
}

Position FlowTable::make_room(std::uint32_t home, std::uint32_t second) {
  for (const std::uint32_t bucket : {home, second})
    for (std::uint32_t i = 0; i < FL_FLOW_ENTRIES; ++i)
      __builtin_prefetch(&buckets_[other_bucket(bucket * FL_FLOW_ENTRIES + i)], 1);
  // Entries that can go home first: that saves their lookups a line. Confirmed ones last: under a
  // flood the others are enough, and its victims' packets still find their flows in one line.
  for (const Mobility wanted : {Mobility::kGoesHome, Mobility::kUnsettled, Mobility::kSettled}) {
    for (const std::uint32_t bucket : {home, second}) {
      for (std::uint32_t i = 0; i < FL_FLOW_ENTRIES; ++i) {
        const Position from = bucket * FL_FLOW_ENTRIES + i;
        if (mobility_of(entry(from)) != wanted) continue;
        const std::uint32_t other = other_bucket(from);
        if (other < fence_ && bucket >= fence_) continue;
        const Position to = free_entry(other);
        if (to == kNoPosition) continue;
        move(from, to);
        return from;
      }
    }
  }
  return kNoPosition;
}

Position FlowTable::evictable(std::initializer_list<std::uint32_t> buckets, Tick now) const {
  constexpr std::uint32_t kBeyondAnyIdle = 1U << 17;
  Position first = kNoPosition;
  std::uint32_t highest = 0;
  for (const std::uint32_t bucket : buckets) {
    for (std::uint32_t i = 0; i < FL_FLOW_ENTRIES; ++i) {
      const Position at = bucket * FL_FLOW_ENTRIES + i;
      if (state(at) == FlowState::kConfirmed) continue;
      // Of two that are as old, the one at home: the other's home is a line more.
      const std::uint32_t rank = 2U * idle(at, now) + (in_second_bucket(at) ? 0U : 1U) +
                                 (state(at) == FlowState::kReset ? kBeyondAnyIdle : 0U);
      if (first != kNoPosition && rank <= highest) continue;
      first = at;
      highest = rank;
    }
  }
  return first;
}

std::uint32_t FlowTable::due_buckets(base::Nanoseconds now) {
  if (swept_until_ == 0 || now < swept_until_) {
    swept_until_ = now;
    return 0;
  }
  const base::Nanoseconds elapsed = std::min(now - swept_until_, kSweepPeriod);
  const std::uint64_t due = elapsed * bucket_count() / kSweepPeriod;
  if (due == 0) return 0;
  const auto step = static_cast<std::uint32_t>(std::min<std::uint64_t>(due, kMaxBucketsPerStep));
  // What was not worth a bucket stays due; a backlog beyond the step's limit, or beyond a turn, is
  // let go. Nothing is left for another call at the same time: what expires does not depend on how
  // many bursts a moment's packets come in.
  const bool lags = due > kMaxBucketsPerStep || elapsed == kSweepPeriod;
  swept_until_ =
      lags ? now : swept_until_ + ((due * kSweepPeriod) >> std::countr_zero(bucket_count()));
  return step;
}

}  // namespace fairlead::flow
