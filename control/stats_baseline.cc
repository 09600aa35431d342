// SPDX-License-Identifier: BSD-3-Clause
// Differences of counters.
#include "control/stats_baseline.hh"

#include <algorithm>
#include <utility>

#include "dataplane/base/counter.hh"

namespace fairlead::control {
namespace {

using base::since;

std::uint64_t load(const std::uint64_t& counter) {
  return __atomic_load_n(&counter, __ATOMIC_RELAXED);
}

std::vector<api::NamedCounter> since(
    std::vector<api::NamedCounter> now, const std::vector<api::NamedCounter>& then
) {
  for (std::size_t i = 0; i < std::min(now.size(), then.size()); ++i) {
    if (now[i].name != "flows") now[i].value = since(now[i].value, then[i].value);
  }
  return now;
}

StatsBaseline::Reason reason_of(const fl_worker_page& page, unsigned reason) {
  return {page.drops[reason], page.punts[reason], page.answers[reason]};
}

}  // namespace

void StatsBaseline::take(
    const fl_workers& workers, std::uint64_t lost_in_socket, base::Nanoseconds now
) {
  pages_.clear();
  for (const fl_worker_page& page : api::pages(workers)) {
    Page& kept = pages_.emplace_back();
    kept.bursts = load(page.bursts);
    kept.counters = api::counters_of(page);
    for (std::uint32_t v = 0; v < FL_MAX_VIPS; ++v) {
      if (page.vips[v].packets != 0) kept.vips[v] = api::counters_of(page.vips[v]);
    }
    for (std::uint32_t b = 0; b < FL_MAX_BACKENDS; ++b) {
      const Backend one = backend_of(page, b);
      if (one.packets != 0 || one.flows_begun != 0) kept.backends[b] = one;
    }
    for (unsigned r = 0; r < FL_REASON_COUNT; ++r) kept.reasons[r] = reason_of(page, r);
  }
  lost_in_socket_ = lost_in_socket;
  taken_ = now;
}

StatsBaseline::Backend StatsBaseline::backend_of(
    const fl_worker_page& page, std::uint32_t backend
) {
  const fl_backend_counters& c = page.backends[backend];
  return {load(c.packets), load(c.bytes), load(c.flows_begun), load(c.flows_completed)};
}

const StatsBaseline::Page* StatsBaseline::kept(unsigned number, const fl_worker_page& page) const {
  if (number >= pages_.size() || load(page.bursts) < pages_[number].bursts) return nullptr;
  return &pages_[number];
}

StatsBaseline::Page& StatsBaseline::renewed(unsigned number, const fl_worker_page& page) {
  if (pages_.size() <= number) pages_.resize(number + 1);
  if (kept(number, page) == nullptr) pages_[number] = {};
  if (pages_[number].bursts == 0) pages_[number].bursts = load(page.bursts);
  return pages_[number];
}

void StatsBaseline::take_vip(const fl_workers& workers, std::uint32_t vip, base::Nanoseconds now) {
  unsigned number = 0;
  for (const fl_worker_page& page : api::pages(workers))
    renewed(number++, page).vips[vip] = api::counters_of(page.vips[vip]);
  vips_taken_[vip] = now;
}

void StatsBaseline::take_backend(
    const fl_workers& workers, std::uint32_t backend, base::Nanoseconds now
) {
  unsigned number = 0;
  for (const fl_worker_page& page : api::pages(workers))
    renewed(number++, page).backends[backend] = backend_of(page, backend);
  backends_taken_[backend] = now;
}

base::Nanoseconds StatsBaseline::vip_taken(std::uint32_t vip) const {
  return latest(vips_taken_, vip, taken_);
}

base::Nanoseconds StatsBaseline::backend_taken(std::uint32_t backend) const {
  return latest(backends_taken_, backend, taken_);
}

StatsBaseline::Vip StatsBaseline::vip_sum(const fl_workers& workers, std::uint32_t vip) const {
  Vip sum;
  unsigned number = 0;
  for (const fl_worker_page& page : api::pages(workers)) {
    for (const api::NamedCounter& c : this->vip(number, page, vip)) {
      if (c.name == "packets") sum.packets += c.value;
      if (c.name == "bytes") sum.bytes += c.value;
      if (c.name == "inserts") sum.new_flows += c.value;
      if (c.name == "dropped") sum.dropped += c.value;
    }
    ++number;
  }
  return sum;
}

api::BackendSum StatsBaseline::backend(const fl_workers& workers, std::uint32_t backend) const {
  api::BackendSum out = api::backend_sum(workers, backend);
  if (pages_.empty() || backend >= FL_MAX_BACKENDS) return out;
  out.packets = out.bytes = out.flows_begun = out.flows_completed = 0;
  unsigned number = 0;
  for (const fl_worker_page& page : api::pages(workers)) {
    const Backend now = backend_of(page, backend);
    Backend then;
    if (const Page* const page_then = kept(number++, page)) {
      const auto found = page_then->backends.find(backend);
      if (found != page_then->backends.end()) then = found->second;
    }
    out.packets += since(now.packets, then.packets);
    out.bytes += since(now.bytes, then.bytes);
    out.flows_begun += since(now.flows_begun, then.flows_begun);
    out.flows_completed += since(now.flows_completed, then.flows_completed);
  }
  return out;
}

// A worker takes back from rx_packets what its killed predecessor had in hand: a counter of a page
// that lives on may fall by a burst, and no more.
std::vector<api::NamedCounter> StatsBaseline::worker(unsigned number, const fl_worker_page& page)
    const {
  std::vector<api::NamedCounter> now = api::counters_of(page);
  const Page* const then = kept(number, page);
  if (then == nullptr) return now;
  for (std::size_t i = 0; i < std::min(now.size(), then->counters.size()); ++i) {
    if (now[i].name == "flows") continue;
    now[i].value -= std::min(now[i].value, then->counters[i].value);
  }
  return now;
}

std::vector<api::NamedCounter> StatsBaseline::vip(
    unsigned number, const fl_worker_page& page, std::uint32_t vip
) const {
  std::vector<api::NamedCounter> now = api::counters_of(page.vips[vip]);
  const Page* const page_then = kept(number, page);
  if (page_then == nullptr) return now;
  const auto then = page_then->vips.find(vip);
  return then == page_then->vips.end() ? now : since(std::move(now), then->second);
}

StatsBaseline::Reason StatsBaseline::reason(
    unsigned number, const fl_worker_page& page, unsigned reason
) const {
  const Reason now = reason_of(page, reason);
  const Page* const page_then = kept(number, page);
  if (page_then == nullptr) return now;
  const Reason& then = page_then->reasons[reason];
  return {
      since(now.drops, then.drops), since(now.punts, then.punts), since(now.answers, then.answers)};
}

std::uint64_t StatsBaseline::lost_in_socket(std::uint64_t now) const {
  return since(now, lost_in_socket_);
}

}  // namespace fairlead::control
