// SPDX-License-Identifier: BSD-3-Clause
// A bounded way from one thread to another that never makes the sender wait.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace fairlead::path {

/// Single producer, single consumer. A full sink refuses: the producer counts and goes on. Memory
/// is allocated once, in the constructor.
template <typename T>
class Sink {
 public:
  /// A sink that refuses everything: nobody listens.
  Sink() = default;
  /// Holds up to `capacity` values; a power of two.
  explicit Sink(std::uint32_t capacity)
      : ring_(std::make_unique<T[]>(capacity)), mask_(capacity - 1), capacity_(capacity) {}

  /// False when nobody listens: then the producer does not count skips either.
  [[nodiscard]] bool enabled() const { return capacity_ != 0; }

  // --- producer only ---
  /// False if the sink is full.
  [[nodiscard]] bool try_push(const T& value) {
    const std::uint32_t head = head_.load(std::memory_order_relaxed);
    if (head - tail_seen_ >= capacity_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (head - tail_seen_ >= capacity_) return false;
    }
    ring_[head & mask_] = value;
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  // --- consumer only ---
  /// The oldest value into `out`; false if there is none.
  [[nodiscard]] bool try_pop(T& out) {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail == head_.load(std::memory_order_acquire)) return false;
    out = ring_[tail & mask_];
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

 private:
  std::unique_ptr<T[]> ring_;
  std::uint32_t mask_ = 0;
  std::uint32_t capacity_ = 0;
  std::uint32_t tail_seen_ = 0;  // producer's copy of tail_: the consumer's line is read rarely
  alignas(64) std::atomic<std::uint32_t> head_{0};
  alignas(64) std::atomic<std::uint32_t> tail_{0};
};

}  // namespace fairlead::path
