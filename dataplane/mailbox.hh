// SPDX-License-Identifier: BSD-3-Clause
// Hands the newest value of something from one thread to another without lock or wait.
#pragma once

#include <atomic>

namespace fairlead::dataplane {

/// One place for one value. The sender offers; while the last value has not been taken it gets
/// false and tries again later with what is newest then. The receiver looks once per burst: one
/// load. One sender thread, one receiver thread. T is copied; it must not allocate.
template <typename T>
class Mailbox {
 public:
  // --- sender only ---
  [[nodiscard]] bool offer(const T& value) {
    if (full_.load(std::memory_order_acquire)) return false;
    value_ = value;
    full_.store(true, std::memory_order_release);
    return true;
  }
  /// True when everything offered has been taken: what an earlier value pointed to is free.
  [[nodiscard]] bool empty() const { return !full_.load(std::memory_order_acquire); }

  // --- receiver only ---
  [[nodiscard]] bool take(T& value) {
    if (!full_.load(std::memory_order_acquire)) return false;
    value = value_;
    full_.store(false, std::memory_order_release);
    return true;
  }

 private:
  std::atomic<bool> full_{false};
  T value_{};
};

}  // namespace fairlead::dataplane
