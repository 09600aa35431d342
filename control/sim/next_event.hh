// SPDX-License-Identifier: BSD-3-Clause
// Which of n sources has the earliest event: an indexed heap of degree 4.
//
// One entry per source (backend, node), not per request: 1000 backends are 5 levels, and a source's
// time changes in place. Degree 4 halves the levels of a binary heap, and four children are half a
// cache line. Equal times: the smaller source first, so order never depends on history.
#pragma once

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace fairlead::sim {

using Time = std::int64_t;  // nanoseconds since the start of the run
inline constexpr Time kNever = std::numeric_limits<Time>::max();

class NextEvent {
 public:
  /// Sources 0 .. count - 1, each at kNever.
  explicit NextEvent(std::size_t count) { grow(count); }

  void grow(std::size_t count) {
    for (std::size_t i = place_.size(); i < count; ++i) {
      place_.push_back(static_cast<std::uint32_t>(heap_.size()));
      heap_.push_back({kNever, static_cast<std::uint32_t>(i)});
    }
  }

  [[nodiscard]] Time time() const { return heap_.empty() ? kNever : heap_[0].time; }
  [[nodiscard]] std::uint32_t source() const { return heap_[0].source; }

  void set(std::uint32_t source, Time time) {
    const std::uint32_t at = place_[source];
    const Entry entry{time, source};
    if (before(entry, heap_[at])) {
      up(at, entry);
    } else {
      down(at, entry);
    }
  }

 private:
  struct Entry {
    Time time;
    std::uint32_t source;
  };
  static bool before(const Entry& a, const Entry& b) {
    return a.time < b.time || (a.time == b.time && a.source < b.source);
  }
  void put(std::uint32_t at, const Entry& entry) {
    heap_[at] = entry;
    place_[entry.source] = at;
  }
  void up(std::uint32_t at, const Entry& entry) {
    while (at > 0) {
      const std::uint32_t parent = (at - 1) / 4;
      if (!before(entry, heap_[parent])) break;
      put(at, heap_[parent]);
      at = parent;
    }
    put(at, entry);
  }
  void down(std::uint32_t at, const Entry& entry) {
    const auto size = static_cast<std::uint32_t>(heap_.size());
    for (;;) {
      const std::uint32_t first = 4 * at + 1;
      if (first >= size) break;
      std::uint32_t least = first;
      const std::uint32_t end = first + 4 < size ? first + 4 : size;
      for (std::uint32_t child = first + 1; child < end; ++child)
        if (before(heap_[child], heap_[least])) least = child;
      if (!before(heap_[least], entry)) break;
      put(at, heap_[least]);
      at = least;
    }
    put(at, entry);
  }

  std::vector<Entry> heap_;
  std::vector<std::uint32_t> place_;  // by source
};

}  // namespace fairlead::sim
