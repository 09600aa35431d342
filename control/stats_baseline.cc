// SPDX-License-Identifier: BSD-3-Clause
// Differences of counters.
#include "control/stats_baseline.hh"

#include <algorithm>

namespace fairlead::control {
namespace {

/// A counter below its baseline was begun anew by who keeps it: a vip's, whose number was given to
/// another one.
std::uint64_t since(std::uint64_t now, std::uint64_t then) {
  return now >= then ? now - then : now;
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
    kept.counters = api::counters_of(page);
    for (std::uint32_t v = 0; v < FL_MAX_VIPS; ++v) {
      if (page.vips[v].packets != 0) kept.vips[v] = api::counters_of(page.vips[v]);
    }
    for (unsigned r = 0; r < FL_REASON_COUNT; ++r) kept.reasons[r] = reason_of(page, r);
  }
  backends_.clear();
  for (std::uint32_t b = 0; b < FL_MAX_BACKENDS; ++b) {
    const api::BackendSum sum = api::backend_sum(workers, b);
    if (sum.packets != 0 || sum.flows_begun != 0) backends_[b] = sum;
  }
  lost_in_socket_ = lost_in_socket;
  taken_ = now;
}

void StatsBaseline::take_vip(const fl_workers& workers, std::uint32_t vip, base::Nanoseconds now) {
  const auto pages = api::pages(workers);
  if (pages_.size() < pages.size()) pages_.resize(pages.size());
  for (std::size_t w = 0; w < pages.size(); ++w)
    pages_[w].vips[vip] = api::counters_of(pages[w].vips[vip]);
  vips_taken_[vip] = now;
}

void StatsBaseline::take_backend(
    const fl_workers& workers, std::uint32_t backend, base::Nanoseconds now
) {
  backends_[backend] = api::backend_sum(workers, backend);
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

api::BackendSum StatsBaseline::backend(const api::BackendSum& sum, std::uint32_t backend) const {
  const auto then = backends_.find(backend);
  if (then == backends_.end()) return sum;
  api::BackendSum out = sum;
  out.packets = since(sum.packets, then->second.packets);
  out.bytes = since(sum.bytes, then->second.bytes);
  out.flows_begun = since(sum.flows_begun, then->second.flows_begun);
  out.flows_completed = since(sum.flows_completed, then->second.flows_completed);
  return out;
}

std::vector<api::NamedCounter> StatsBaseline::worker(unsigned number, const fl_worker_page& page)
    const {
  if (number >= pages_.size()) return api::counters_of(page);
  return since(api::counters_of(page), pages_[number].counters);
}

std::vector<api::NamedCounter> StatsBaseline::vip(
    unsigned number, const fl_worker_page& page, std::uint32_t vip
) const {
  std::vector<api::NamedCounter> now = api::counters_of(page.vips[vip]);
  if (number >= pages_.size()) return now;
  const auto then = pages_[number].vips.find(vip);
  return then == pages_[number].vips.end() ? now : since(std::move(now), then->second);
}

StatsBaseline::Reason StatsBaseline::reason(
    unsigned number, const fl_worker_page& page, unsigned reason
) const {
  const Reason now = reason_of(page, reason);
  if (number >= pages_.size()) return now;
  const Reason& then = pages_[number].reasons[reason];
  return {
      since(now.drops, then.drops), since(now.punts, then.punts), since(now.answers, then.answers)};
}

std::uint64_t StatsBaseline::lost_in_socket(std::uint64_t now) const {
  return since(now, lost_in_socket_);
}

}  // namespace fairlead::control
