// SPDX-License-Identifier: BSD-3-Clause
// The way of decisions from a worker to whoever writes them down: bounded, and never waited for.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "dataplane/base/clock.hh"
#include "dataplane/net/five_tuple.hh"

namespace fairlead::path {

/// A new flow and where it went.
struct Decision {
  base::Nanoseconds now = 0;  // CLOCK_MONOTONIC
  net::FiveTuple tuple;
  std::uint32_t vip = 0;      // vip number
  std::uint32_t backend = 0;  // backend number
  std::uint32_t member = 0;
};

/// Single producer (the worker), single consumer (a writer thread). A full sink refuses: the worker
/// counts and goes on. Memory is allocated once, in the constructor.
class DecisionSink {
 public:
  /// A sink that refuses everything, for workers without a decision log.
  DecisionSink() = default;
  /// Holds up to `capacity` decisions; a power of two.
  explicit DecisionSink(std::uint32_t capacity)
      : ring_(std::make_unique<Decision[]>(capacity)), mask_(capacity - 1), capacity_(capacity) {}

  /// False when nobody logs: then the worker does not count skips either.
  [[nodiscard]] bool enabled() const { return capacity_ != 0; }

  // --- worker only ---
  /// False if the sink is full.
  [[nodiscard]] bool try_push(const Decision& decision) {
    const std::uint32_t head = head_.load(std::memory_order_relaxed);
    if (head - tail_seen_ >= capacity_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (head - tail_seen_ >= capacity_) return false;
    }
    ring_[head & mask_] = decision;
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  // --- consumer only ---
  /// The oldest decision into `out`; false if there is none.
  [[nodiscard]] bool try_pop(Decision& out) {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail == head_.load(std::memory_order_acquire)) return false;
    out = ring_[tail & mask_];
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

 private:
  std::unique_ptr<Decision[]> ring_;
  std::uint32_t mask_ = 0;
  std::uint32_t capacity_ = 0;
  std::uint32_t tail_seen_ = 0;  // producer's copy of tail_: the consumer's line is read rarely
  alignas(64) std::atomic<std::uint32_t> head_{0};
  alignas(64) std::atomic<std::uint32_t> tail_{0};
};

}  // namespace fairlead::path
