// SPDX-License-Identifier: BSD-3-Clause
// When requests arrive: an open-loop schedule that does not depend on how fast answers come.
#pragma once

#include <cstdint>
#include <random>

namespace fairlead::lab {

/// Single thread; times are nanoseconds of one monotonic clock.
class Arrivals {
 public:
  enum class Kind : std::uint8_t { kPoisson, kConstant };

  /// A generator that was not scheduled in time moves the rest of its schedule instead of sending
  /// the missed requests as a burst; below this it just sends late.
  static constexpr std::int64_t kLatestNs = 20'000'000;

  Arrivals(Kind kind, double rate, std::uint64_t seed, std::int64_t start_ns)
      : kind_(kind), gap_ns_(1e9 / rate), random_(seed), next_ns_(start_ns) {
    step();
  }

  [[nodiscard]] std::int64_t next() const { return next_ns_; }

  /// The arrival that is due now moves on to the next one. Returns the time that it was due, after
  /// moving the schedule if `now_ns` is more than kLatestNs past it.
  std::int64_t take(std::int64_t now_ns) {
    if (now_ns - next_ns_ > kLatestNs) {
      shifted_ns_ += now_ns - next_ns_;
      next_ns_ = now_ns;
    }
    const std::int64_t due = next_ns_;
    step();
    return due;
  }

  /// By how much the schedule was moved in all.
  [[nodiscard]] std::int64_t shifted_ns() const { return shifted_ns_; }

 private:
  void step() {
    const double gap = kind_ == Kind::kConstant
                           ? gap_ns_
                           : std::exponential_distribution<double>(1.0 / gap_ns_)(random_);
    next_ns_ += static_cast<std::int64_t>(gap);
  }

  Kind kind_;
  double gap_ns_;
  std::mt19937_64 random_;
  std::int64_t next_ns_;
  std::int64_t shifted_ns_ = 0;
};

}  // namespace fairlead::lab
