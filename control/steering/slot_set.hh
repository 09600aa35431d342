// SPDX-License-Identifier: BSD-3-Clause
// The slots that a builder may still give away: a bit each, with a summary to find the next.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace fairlead::steering {

/// A set over 0..size-1. 65537 slots are 8 KiB, so that all probing stays in the first-level cache.
class SlotSet {
 public:
  explicit SlotSet(std::uint32_t size)
      : words_((size + 63) / 64, 0), summary_((words_.size() + 63) / 64, 0) {}

  void fill(std::uint32_t size) {
    for (auto& word : words_) word = ~std::uint64_t{0};
    if (size % 64 != 0) words_.back() = (std::uint64_t{1} << (size % 64)) - 1;
    for (std::size_t w = 0; w < words_.size(); ++w) summary_[w / 64] |= bit(w);
  }
  void insert(std::uint32_t slot) {
    words_[slot / 64] |= bit(slot);
    summary_[slot / 4096] |= bit(slot / 64);
  }
  void erase(std::uint32_t slot) {
    words_[slot / 64] &= ~bit(slot);
    if (words_[slot / 64] == 0) summary_[slot / 4096] &= ~bit(slot / 64);
  }
  [[nodiscard]] bool contains(std::uint32_t slot) const {
    return (words_[slot / 64] >> (slot % 64) & 1) != 0;
  }

  /// The first member at or after `slot`, going on from 0 at the end. Requires: not empty.
  [[nodiscard]] std::uint32_t first_from(std::uint32_t slot) const {
    const std::uint64_t here = words_[slot / 64] >> (slot % 64);
    if (here != 0) return slot + static_cast<std::uint32_t>(std::countr_zero(here));
    const std::size_t word = next_word(slot / 64 + 1);
    return static_cast<std::uint32_t>(word * 64) +
           static_cast<std::uint32_t>(std::countr_zero(words_[word]));
  }

 private:
  static std::uint64_t bit(std::size_t i) { return std::uint64_t{1} << (i % 64); }

  /// The first word with members at or after `from`, going on from 0.
  [[nodiscard]] std::size_t next_word(std::size_t from) const {
    std::size_t group = from / 64;
    if (group < summary_.size()) {
      const std::uint64_t here = summary_[group] >> (from % 64);
      if (here != 0) return from + static_cast<std::size_t>(std::countr_zero(here));
      ++group;
    }
    while (group < summary_.size() && summary_[group] == 0) ++group;
    if (group == summary_.size()) {
      group = 0;
      while (summary_[group] == 0) ++group;
    }
    return group * 64 + static_cast<std::size_t>(std::countr_zero(summary_[group]));
  }

  std::vector<std::uint64_t> words_;
  std::vector<std::uint64_t> summary_;
};

}  // namespace fairlead::steering
