// SPDX-License-Identifier: BSD-3-Clause
// The worker's side of a capture: notes what it sees, as far as there is room.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/capture_filter.hh"
#include "dataplane/capture_ring.hh"
#include "dataplane/path/burst.hh"
#include "dataplane/path/context.hh"

struct rte_mbuf;

namespace fairlead::dataplane {

/// What one worker is to note. Made and freed by the main thread; the filter does not change.
struct CaptureOrder {
  CaptureFilter filter;
  unsigned seen = 0;                       // bits of Seen
  std::uint64_t left = ~std::uint64_t{0};  // so many notes more; the worker counts down
  CaptureRing ring;
};

/// Worker only. Costs nothing but a look at a pointer per burst while nobody captures.
class CaptureTap {
 public:
  /// Null: note nothing.
  void follow(CaptureOrder* order) { order_ = order; }
  [[nodiscard]] bool active() const { return order_ != nullptr; }

  // --- only while active ---
  /// Before the stages: which packets of a worker's k-th burst are meant. Two bursts are under way
  /// at a time (path::run_bursts()): this is remembered until burst k + 2. The buffers stay where
  /// they are until the burst has been passed on.
  void received(
      unsigned k,
      const path::Burst& burst,
      std::span<rte_mbuf* const> packets,
      std::uint16_t port,
      base::Nanoseconds now
  );
  /// After the stages: their decisions, and the packets that they drop. What follows, until the
  /// next call, is of this burst.
  void decided(unsigned k, const path::WorkerContext& context, const path::Burst& burst);

  // --- always ---
  /// Packets as they go out.
  void sent(std::span<rte_mbuf* const> packets) {
    if (!active()) [[likely]]
      return;
    for (const rte_mbuf* packet : packets) note_if(packet, kSeenTx, FL_REASON_NONE);
  }
  /// A packet that is freed after all.
  void dropped(const rte_mbuf* packet, fl_reason reason) {
    if (active()) [[unlikely]]
      note_if(packet, kSeenDrop, reason);
  }

 private:
  /// What is known of a burst since it was received.
  struct OfBurst {
    std::uint32_t meant = 0;  // bit i: packet i
    base::Nanoseconds now = 0;
    std::uint16_t port = 0;
    std::span<rte_mbuf* const> packets;
    std::array<net::FiveTuple, path::kBurstPackets> tuples;  // of those that are meant
    std::array<std::uint32_t, path::kBurstPackets> bytes;    // of these, as received
  };
  void note_if(const rte_mbuf* packet, Seen seen, fl_reason reason);
  void note(const OfBurst& of, const rte_mbuf* packet, Seen seen, fl_reason reason);
  void note_path(const path::WorkerContext& context, const path::Burst& burst, unsigned i);
  Note* next_note();
  [[nodiscard]] bool wants(Seen seen) const { return (order_->seen & seen) != 0; }

  CaptureOrder* order_ = nullptr;
  std::array<OfBurst, 2> of_;
  const OfBurst* current_ = &of_[0];  // the one that is passed on
};

}  // namespace fairlead::dataplane
