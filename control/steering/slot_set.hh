// SPDX-License-Identifier: BSD-3-Clause
// The slots that a builder may still give away: a bit each.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace fairlead::steering {

/// A set over 0..size-1. 65537 slots are 8 KiB, so that all probing stays in the first-level cache.
class SlotSet {
 public:
  explicit SlotSet(std::uint32_t size) : words_(words(size), 0) {}

  [[nodiscard]] static std::size_t words(std::size_t size) { return (size + 63) / 64; }

  void fill(std::uint32_t size) {
    for (auto& word : words_) word = ~std::uint64_t{0};
    if (size % 64 != 0) words_.back() = (std::uint64_t{1} << (size % 64)) - 1;
  }
  void insert(std::uint32_t slot) { words_[slot / 64] |= bit(slot); }
  void erase(std::uint32_t slot) { words_[slot / 64] &= ~bit(slot); }
  /// As many words as words() of a set of this size.
  void insert_all(const std::uint64_t* mask) {
    for (std::size_t w = 0; w < words_.size(); ++w) words_[w] |= mask[w];
  }
  void erase_all(const std::uint64_t* mask) {
    for (std::size_t w = 0; w < words_.size(); ++w) words_[w] &= ~mask[w];
  }
  [[nodiscard]] bool contains(std::uint32_t slot) const {
    return (words_[slot / 64] >> (slot % 64) & 1) != 0;
  }

  /// The first member at or after `slot`, going on from 0 at the end. A builder asks only where
  /// many tries have failed: over a whole table of 2^20 slots that is a walk of 150,000 words.
  /// Requires: not empty.
  [[nodiscard]] std::uint32_t first_from(std::uint32_t slot) const {
    const std::uint64_t here = words_[slot / 64] >> (slot % 64);
    if (here != 0) return slot + static_cast<std::uint32_t>(std::countr_zero(here));
    std::size_t word = slot / 64 + 1;
    for (;; ++word) {
      if (word >= words_.size()) word = 0;
      if (words_[word] != 0) break;
    }
    return static_cast<std::uint32_t>(word * 64) +
           static_cast<std::uint32_t>(std::countr_zero(words_[word]));
  }

 private:
  static std::uint64_t bit(std::size_t i) { return std::uint64_t{1} << (i % 64); }

  std::vector<std::uint64_t> words_;
};

}  // namespace fairlead::steering
