// SPDX-License-Identifier: BSD-3-Clause
// Later fragments that came before their first one. The stages know hashes and places only; the
// process keeps the packets themselves (dataplane/waiting_packets.hh).
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/clock.hh"

namespace fairlead::path {

/// Who waits, for which datagram, since when. Worker thread only; never allocates.
class WaitingRoom {
 public:
  /// More than these do not wait from burst to burst: the oldest give way, so that a flood of
  /// orphans cannot keep others out. The rest of the places take what one turn adds.
  static constexpr unsigned kSeats = 96;
  static constexpr unsigned kPlaces = kSeats + 128;
  /// Far above the reordering of networks, far below the 30 s after which receivers give up.
  static constexpr base::Nanoseconds kLongest = 200 * base::kMillisecond;
  static constexpr unsigned kNowhere = kPlaces;

  /// Why a packet stops waiting.
  enum class Cause : std::uint8_t {
    kSettled,  // its first fragment came, or kLongest is over
    kCrowded,  // too many wait
  };

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] unsigned count() const { return count_; }

  /// A place for a packet of datagram `hash` (not 0). Requires: fewer than kPlaces wait, which
  /// holds if take() was called to its end after each run of the pipeline.
  unsigned add(std::uint64_t hash, base::Nanoseconds now) {
    for (unsigned place = 0; place < kPlaces; ++place) {
      if (hash_[place] != 0) continue;
      hash_[place] = hash;
      since_[place] = now;
      ++count_;
      return place;
    }
    return kNowhere;
  }

  /// Those of datagram `hash` need wait no longer.
  void wake(std::uint64_t hash) {
    for (unsigned place = 0; place < kPlaces; ++place)
      if (hash_[place] == hash) since_[place] = kSettledLongAgo;
  }

  /// Nobody need wait any longer.
  void wake_all() { since_.fill(kSettledLongAgo); }

  /// Calls settled(hash) for all who wait and wakes those for which it is true.
  template <typename Settled>
  void wake_if(const Settled& settled) {
    for (unsigned place = 0; place < kPlaces; ++place)
      if (hash_[place] != 0 && settled(hash_[place])) since_[place] = kSettledLongAgo;
  }

  /// Frees the place of one who stops waiting, and returns it; kNowhere: none does.
  unsigned take(Cause cause, base::Nanoseconds now) {
    if (count_ == 0 || (cause == Cause::kCrowded && count_ <= kSeats)) return kNowhere;
    unsigned oldest = kNowhere;
    for (unsigned place = 0; place < kPlaces; ++place)
      if (hash_[place] != 0 && (oldest == kNowhere || since_[place] < since_[oldest]))
        oldest = place;
    if (cause == Cause::kSettled && since_[oldest] + kLongest > now) return kNowhere;
    hash_[oldest] = 0;
    --count_;
    return oldest;
  }

 private:
  static constexpr base::Nanoseconds kSettledLongAgo = 0;

  std::array<std::uint64_t, kPlaces> hash_{};  // 0: free
  std::array<base::Nanoseconds, kPlaces> since_{};
  unsigned count_ = 0;
};

}  // namespace fairlead::path
