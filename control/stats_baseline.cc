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
  lost_in_socket_ = lost_in_socket;
  taken_ = now;
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
