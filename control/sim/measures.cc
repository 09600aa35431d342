// SPDX-License-Identifier: BSD-3-Clause
// Quantiles of the histogram.
#include "control/sim/measures.hh"

#include <algorithm>

namespace fairlead::sim {

double Histogram::low_edge(std::size_t index) {
  const std::size_t octave = index >> kBits;
  const std::size_t step = index & ((std::size_t{1} << kBits) - 1);
  if (octave == 0) return static_cast<double>(step);
  return static_cast<double>(((std::size_t{1} << kBits) + step) << (octave - 1));
}

void Histogram::add(const Histogram& other) {
  if (other.count_ == 0) return;
  for (std::size_t i = 0; i < kSize; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
}

double Histogram::quantile(double q) const {
  if (count_ == 0) return 0;
  const double rank = q * static_cast<double>(count_);
  double below = 0;
  for (std::size_t i = 0; i < kSize; ++i) {
    const double here = counts_[i];
    if (here > 0 && below + here >= rank) {
      const double part = std::clamp((rank - below) / here, 0.0, 1.0);
      return low_edge(i) + part * (low_edge(i + 1) - low_edge(i));
    }
    below += here;
  }
  return 0;
}

double Histogram::share_within(Time value) const {
  if (count_ == 0) return 1;
  std::uint64_t within = 0;
  const std::size_t last = index(value);
  for (std::size_t i = 0; i <= last; ++i) within += counts_[i];
  return static_cast<double>(within) / static_cast<double>(count_);
}

}  // namespace fairlead::sim
