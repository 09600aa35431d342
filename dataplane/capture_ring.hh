// SPDX-License-Identifier: BSD-3-Clause
// What a worker saw of a packet, and the bounded way of such notes to the main thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "dataplane/base/clock.hh"
#include "dataplane/net/five_tuple.hh"
#include "dataplane/net/parse.hh"
#include "dataplane/steer/abi.h"
#include "dataplane/steer/verdict.hh"

namespace fairlead::dataplane {

/// Bits: what is to be noted, and what a note is.
enum Seen : std::uint8_t {
  kSeenRx = 1,    // as it was received
  kSeenTx = 2,    // as it was handed to the port: forwarded, or an answer of ours
  kSeenDrop = 4,  // received, and not sent nor given to the kernel; as the stages left it
  kSeenPath = 8,  // how the stages decided; for `trace`
};

/// A candidate of a flow that had to be decided.
struct SeenCandidate {
  std::uint32_t slot = 0;
  std::uint32_t backend = 0;  // number
  std::uint8_t state = 0;     // enum fl_member_state
};

/// The decisions of the stages about one packet.
struct SeenPath {
  net::FiveTuple tuple;  // family 0: the packet was none that a flow could be of
  std::uint64_t hash = 0;
  std::uint64_t generation = 0;
  std::uint32_t vip = FL_NO_MEMBER;  // number; none
  std::uint32_t member = FL_NO_MEMBER;
  std::uint32_t backend = 0;    // number, with member
  std::uint32_t out_bytes = 0;  // of the frame that left
  bool known = false;           // its flow was in the table
  net::PacketKind kind = net::PacketKind::kFlow;
  steer::Verdict verdict = steer::Verdict::kDrop;
  std::uint8_t encapsulation = 0;
  std::uint8_t candidate_count = 0;  // 0: not asked
  std::array<SeenCandidate, FL_MAX_CANDIDATES> candidates{};
};

inline constexpr std::size_t kKeptBytes = 1792;  // of a frame; longer ones are cut off

struct Note {
  base::Nanoseconds at = 0;  // CLOCK_MONOTONIC
  std::uint32_t bytes = 0;   // of the frame
  std::uint32_t kept = 0;    // bytes of it below
  std::uint16_t port = 0;
  Seen seen = kSeenRx;
  fl_reason reason = FL_REASON_NONE;
  SeenPath path;  // with kSeenPath
  std::array<std::uint8_t, kKeptBytes> frame;
};

/// Single producer, single consumer, filled in place: a note is 2 KiB. A full ring refuses, the
/// worker counts and goes on.
class CaptureRing {
 public:
  CaptureRing() : notes_(std::make_unique<Note[]>(kCapacity)) {}

  // --- worker only ---
  /// The next free note, to be filled and pushed; null, and counted, if there is none.
  Note* next() {
    if (head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_acquire) < kCapacity)
      return &notes_[head_.load(std::memory_order_relaxed) % kCapacity];
    skipped_.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  void push() { head_.store(head_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

  // --- main thread only ---
  /// The oldest note; null if there is none. Valid until pop().
  [[nodiscard]] const Note* front() const {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    return tail == head_.load(std::memory_order_acquire) ? nullptr : &notes_[tail % kCapacity];
  }
  void pop() { tail_.store(tail_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
  [[nodiscard]] std::uint64_t skipped() const { return skipped_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uint32_t kCapacity = 512;  // 1 MiB
  std::unique_ptr<Note[]> notes_;
  alignas(64) std::atomic<std::uint32_t> head_{0};
  alignas(64) std::atomic<std::uint32_t> tail_{0};
  alignas(64) std::atomic<std::uint64_t> skipped_{0};
};

}  // namespace fairlead::dataplane
