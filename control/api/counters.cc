// SPDX-License-Identifier: BSD-3-Clause
// Sums over workers' pages.
#include "control/api/counters.hh"

#include <algorithm>
#include <array>
#include <numeric>

namespace fairlead::api {
namespace {

std::uint64_t load(const std::uint64_t& counter) {
  return __atomic_load_n(&counter, __ATOMIC_RELAXED);
}

// Latency under which `share` of the samples lie: the middle of the bucket where that is.
double quantile(
    const std::array<std::uint64_t, FL_LATENCY_BUCKETS>& counts, std::uint64_t all, double share
) {
  double wanted = static_cast<double>(all) * share;
  for (std::uint32_t b = 0; b < FL_LATENCY_BUCKETS; ++b) {
    wanted -= static_cast<double>(counts[b]);
    if (wanted <= 0 && counts[b] > 0) {
      return (static_cast<double>(latency_bucket_floor(b)) +
              static_cast<double>(latency_bucket_floor(b + 1))) /
             2;
    }
  }
  return 0;
}

}  // namespace

std::span<const fl_worker_page> pages(const fl_workers& workers) {
  return {workers.worker, std::min(workers.worker_count, FL_MAX_WORKERS)};
}

std::uint64_t dropped(const fl_worker_page& page) {
  return std::accumulate(std::begin(page.drops), std::end(page.drops), std::uint64_t{0});
}

std::int64_t residue(const fl_worker_page& page) {
  return static_cast<std::int64_t>(
      load(page.rx_packets) - load(page.tx_packets) - load(page.punted) - dropped(page)
  );
}

std::vector<NamedCounter> counters_of(const fl_worker_page& page) {
  std::vector<NamedCounter> out = {
#define FL_COUNTER_ROW(name) {#name, load(page.name)},
      FL_WORKER_COUNTERS(FL_COUNTER_ROW)
#undef FL_COUNTER_ROW
  };
  out.push_back({"dropped", dropped(page)});
  return out;
}

BackendSum backend_sum(const fl_workers& workers, std::uint32_t backend, std::uint64_t now_ns) {
  BackendSum sum;
  if (backend >= FL_MAX_BACKENDS) return sum;
  for (const fl_worker_page& page : pages(workers)) {
    const fl_backend_counters& c = page.backends[backend];
    sum.packets += load(c.packets);
    sum.bytes += load(c.bytes);
    sum.flows_begun += load(c.flows_begun);
    sum.flows_completed += load(c.flows_completed);
    sum.in_flight += c.in_flight;
    sum.ejections += load(c.ejections);
    if (load(c.ejected_until_ns) > now_ns) ++sum.ejected_by;
  }
  return sum;
}

VipSum vip_sum(const fl_workers& workers, std::uint32_t vip) {
  VipSum sum;
  if (vip >= FL_MAX_VIPS) return sum;
  for (const fl_worker_page& page : pages(workers)) {
    const fl_vip_counters& c = page.vips[vip];
    sum.packets += load(c.packets);
    sum.bytes += load(c.bytes);
    sum.inserts += load(c.inserts);
    sum.dropped += load(c.dropped);
  }
  return sum;
}

std::uint64_t latency_bucket_floor(std::uint32_t bucket) {
  if (bucket < 4) return bucket;
  if (bucket >= FL_LATENCY_BUCKETS) return std::uint64_t{1} << 32;
  // The inverse of fl_latency_bucket: four buckets per power of two.
  const std::uint32_t log2 = (bucket + 4) / 4;
  return (std::uint64_t{4} + (bucket + 4) % 4) << (log2 - 2);
}

Latency latency(const fl_workers& workers) {
  std::array<std::uint64_t, FL_LATENCY_BUCKETS> counts{};
  for (const fl_worker_page& page : pages(workers)) {
    for (std::uint32_t b = 0; b < FL_LATENCY_BUCKETS; ++b) counts[b] += load(page.latency[b]);
  }
  Latency out;
  double sum = 0;
  for (std::uint32_t b = 0; b < FL_LATENCY_BUCKETS; ++b) {
    out.samples += counts[b];
    sum += static_cast<double>(counts[b]) *
           static_cast<double>(latency_bucket_floor(b) + latency_bucket_floor(b + 1)) / 2;
  }
  if (out.samples == 0) return out;
  out.mean_ns = sum / static_cast<double>(out.samples);
  out.p50_ns = quantile(counts, out.samples, 0.50);
  out.p99_ns = quantile(counts, out.samples, 0.99);
  return out;
}

}  // namespace fairlead::api
