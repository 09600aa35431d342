// SPDX-License-Identifier: BSD-3-Clause
// Sums over workers' pages.
#include "control/api/counters.hh"

#include <algorithm>
#include <numeric>

namespace fairlead::api {
namespace {

std::uint64_t load(const std::uint64_t& counter) {
  return __atomic_load_n(&counter, __ATOMIC_RELAXED);
}

}  // namespace

std::span<const fl_worker_page> pages(const fl_workers& workers) {
  std::uint32_t count = FL_MAX_WORKERS;
  const std::uint32_t made = std::min(workers.worker_count, FL_MAX_WORKERS);
  // Before there is a data plane the gate keeps the books of each queue in the page of its number.
  while (count > made && load(workers.worker[count - 1].rx_packets) == 0) --count;
  return {workers.worker, count};
}

std::uint64_t dropped(const fl_worker_page& page) {
  return std::accumulate(std::begin(page.drops), std::end(page.drops), std::uint64_t{0});
}

std::int64_t residue(const fl_worker_page& page) {
  return static_cast<std::int64_t>(
      load(page.rx_packets) - load(page.tx_packets) - load(page.punted) - load(page.answered) -
      dropped(page)
  );
}

std::vector<NamedCounter> counters_of(const fl_worker_page& page) {
  std::vector<NamedCounter> out = {
#define FL_COUNTER_ROW(name) {#name, load(page.name)},
      FL_WORKER_COUNTERS(FL_COUNTER_ROW)
#undef FL_COUNTER_ROW
  };
#define FL_EVENT_ROW(id, name, text) \
  out.push_back({"flow_" #name, load(page.flow_events[FL_EVENT_##id])});
  FL_FLOW_EVENTS(FL_EVENT_ROW)
#undef FL_EVENT_ROW
  out.push_back({"dropped", dropped(page)});
  return out;
}

std::vector<NamedCounter> counters_of(const fl_vip_counters& vip) {
  std::vector<NamedCounter> out = {
      {"packets", load(vip.packets)},
      {"bytes", load(vip.bytes)},
      {"hits", load(vip.hits)},
      {"misses", load(vip.misses)},
      {"inserts", load(vip.inserts)},
      {"inserts_refused", load(vip.inserts_refused)},
      {"dropped", load(vip.dropped)},
  };
  for (std::size_t e = 0; e < FL_EVENT_COUNT; ++e)
    out.push_back({flow_events()[e].name, load(vip.events[e])});
  return out;
}

std::span<const FlowEvent> flow_events() {
  static constexpr FlowEvent kEvents[] = {
#define FL_EVENT_ROW(id, name, text) {#name, text},
      FL_FLOW_EVENTS(FL_EVENT_ROW)
#undef FL_EVENT_ROW
  };
  return kEvents;
}

BackendSum backend_sum(const fl_workers& workers, std::uint32_t backend) {
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
    // Time alone does not end it: a completed handshake does (path/backend_health.hh).
    if (load(c.ejected_until_ns) != 0) ++sum.ejected_by;
  }
  return sum;
}

fl_vip_counters vip_sum(const fl_workers& workers, std::uint32_t vip) {
  fl_vip_counters sum{};
  if (vip >= FL_MAX_VIPS) return sum;
  for (const fl_worker_page& page : pages(workers)) {
    const fl_vip_counters& c = page.vips[vip];
    sum.packets += load(c.packets);
    sum.bytes += load(c.bytes);
    sum.hits += load(c.hits);
    sum.misses += load(c.misses);
    sum.inserts += load(c.inserts);
    sum.inserts_refused += load(c.inserts_refused);
    sum.dropped += load(c.dropped);
    for (std::size_t e = 0; e < FL_EVENT_COUNT; ++e) sum.events[e] += load(c.events[e]);
  }
  return sum;
}

std::uint64_t flows_of(const fl_vip_counters& vip) {
  std::uint64_t left = 0;
  for (std::size_t e = 0; e <= FL_EVENT_HANDED_OVER; ++e) left += load(vip.events[e]);
  const std::uint64_t entered = load(vip.inserts) + load(vip.events[FL_EVENT_INHERITED]);
  return entered > left ? entered - left : 0;
}

steer::LatencyCounts latency_counts(const fl_workers& workers) {
  steer::LatencyCounts counts{};
  for (const fl_worker_page& page : pages(workers)) {
    for (std::uint32_t b = 0; b < FL_LATENCY_BUCKETS; ++b) counts[b] += load(page.latency[b]);
  }
  return counts;
}

steer::Latency latency(const fl_workers& workers) {
  return steer::summarize(latency_counts(workers));
}

void LatencyWindow::look(const fl_workers& workers, base::Nanoseconds now) {
  if (taken_ != 0 && now - taken_ < kPeriod) return;
  const bool first = taken_ == 0;
  taken_ = now;
  const auto all = pages(workers);
  deltas_.resize(std::max(deltas_.size(), all.size()));
  workers_.assign(all.size(), {});
  steer::LatencyCounts sum{};
  for (std::size_t w = 0; w < all.size(); ++w) {
    const steer::LatencyCounts added = deltas_[w].since_last(all[w].latency);
    if (first) continue;  // what happened before we looked is no interval
    workers_[w] = steer::summarize(added);
    for (std::uint32_t b = 0; b < FL_LATENCY_BUCKETS; ++b) sum[b] += added[b];
  }
  node_ = steer::summarize(sum);
}

}  // namespace fairlead::api
