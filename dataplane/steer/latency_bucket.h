/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// Part of steer/abi.h: the buckets of fl_worker_page.latency.
#ifndef FAIRLEAD_STEER_LATENCY_BUCKET_H
#define FAIRLEAD_STEER_LATENCY_BUCKET_H

#include <stdint.h>

#define FL_LATENCY_BUCKETS 128u

/// Latency histogram: four buckets per power of two of nanoseconds, 0 to 2^32.
static inline uint32_t fl_latency_bucket(uint64_t ns) {
  if (ns < 4) return (uint32_t)ns;
  if (ns >> 32) return FL_LATENCY_BUCKETS - 1;
  const uint32_t log2 = 63u - (uint32_t)__builtin_clzll(ns);
  return log2 * 4u - 4u + (uint32_t)((ns >> (log2 - 2u)) & 3u);
}

#endif
