// SPDX-License-Identifier: BSD-3-Clause
// The one source of chance: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). Standard generators are
// portable but standard distributions are not; same seed must mean same bytes on every compiler.
#pragma once

#include <cstdint>

namespace fairlead::policy {

/// A bijection of 64-bit words whose output passes statistical tests for counting inputs.
inline std::uint64_t mix64(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// A word as a number in (0, 1): 53 bits, never 0 and never 1.
inline double unit(std::uint64_t word) {
  return (static_cast<double>(word >> 11) + 0.5) * 0x1.0p-53;
}

/// A sequence of random words. Copyable; one thread.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(mix64(seed ^ 0x5851f42d4c957f2dULL)) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    return mix64(state_);
  }
  double uniform() { return unit(next()); }
  /// 0 .. count - 1, by multiplication (bias below 2^-32). Requires: 0 < count < 2^32.
  std::uint32_t below(std::uint32_t count) {
    return static_cast<std::uint32_t>(((next() >> 32) * count) >> 32);
  }

 private:
  std::uint64_t state_;
};

/// Random words by number: the i-th draw of a stream is the same whoever asks, and in any order
/// (common random numbers for all policies).
class Draws {
 public:
  Draws(std::uint64_t seed, std::uint64_t stream)
      : key_(mix64(mix64(seed + 0x9e3779b97f4a7c15ULL) ^ (stream * 0xd1342543de82ef95ULL))) {}

  [[nodiscard]] std::uint64_t word(std::uint64_t i) const {
    return mix64(key_ + i * 0x9e3779b97f4a7c15ULL);
  }
  [[nodiscard]] double uniform(std::uint64_t i) const { return unit(word(i)); }

 private:
  std::uint64_t key_;
};

}  // namespace fairlead::policy
