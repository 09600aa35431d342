// SPDX-License-Identifier: BSD-3-Clause
// The forwarding latency histogram of struct fl_worker_page: quantiles, and what an interval added.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/steer/abi.h"

namespace fairlead::steer {

using LatencyCounts = std::array<std::uint64_t, FL_LATENCY_BUCKETS>;

/// Lowest nanosecond of a latency bucket: the inverse of fl_latency_bucket().
[[nodiscard]] constexpr std::uint64_t latency_bucket_floor(std::uint32_t bucket) {
  if (bucket < 4) return bucket;
  if (bucket >= FL_LATENCY_BUCKETS) return std::uint64_t{1} << 32;
  const std::uint32_t log2 = (bucket + 4) / 4;  // four buckets per power of two
  return (std::uint64_t{4} + (bucket + 4) % 4) << (log2 - 2);
}

/// Nanoseconds, 0 without samples. A quantile is the middle of the bucket it lies in: 12 % off at
/// most.
struct Latency {
  std::uint64_t samples = 0;
  double p50_ns = 0;
  double p99_ns = 0;
  double mean_ns = 0;
};

[[nodiscard]] inline Latency summarize(const LatencyCounts& counts) {
  Latency out;
  double sum = 0;
  const auto middle = [](std::uint32_t b) {
    return static_cast<double>(latency_bucket_floor(b) + latency_bucket_floor(b + 1)) / 2;
  };
  for (std::uint32_t b = 0; b < FL_LATENCY_BUCKETS; ++b) {
    out.samples += counts[b];
    sum += static_cast<double>(counts[b]) * middle(b);
  }
  if (out.samples == 0) return out;
  out.mean_ns = sum / static_cast<double>(out.samples);
  const auto quantile = [&](double share) {
    double wanted = static_cast<double>(out.samples) * share;
    for (std::uint32_t b = 0; b < FL_LATENCY_BUCKETS; ++b) {
      wanted -= static_cast<double>(counts[b]);
      if (wanted <= 0 && counts[b] > 0) return middle(b);
    }
    return 0.0;
  };
  out.p50_ns = quantile(0.50);
  out.p99_ns = quantile(0.99);
  return out;
}

/// Remembers a worker's histogram as it last was. The page is written while this reads.
class LatencyDeltas {
 public:
  /// What was added since the last call; a histogram that restarted at 0 counts from there.
  LatencyCounts since_last(const std::uint64_t (&page)[FL_LATENCY_BUCKETS]) {
    LatencyCounts added;
    for (std::uint32_t b = 0; b < FL_LATENCY_BUCKETS; ++b) {
      const std::uint64_t now = __atomic_load_n(&page[b], __ATOMIC_RELAXED);
      added[b] = now >= last_[b] ? now - last_[b] : now;
      last_[b] = now;
    }
    return added;
  }

 private:
  LatencyCounts last_{};
};

}  // namespace fairlead::steer
