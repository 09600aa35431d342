// SPDX-License-Identifier: BSD-3-Clause
// Counters of workers, reported errors, operators' orders.
#include "control/health_watch.hh"

#include <algorithm>
#include <set>
#include <utility>

#include "control/actions.hh"
#include "control/api/counters.hh"
#include "dataplane/sys/log.hh"

namespace fairlead::control {
namespace {

api::BackendSum sum_of(const Node& node, const std::string& id) {
  const auto number = node.publisher.steering().backend_number(id);
  return number ? api::backend_sum(node.regions.worker_pages(), *number) : api::BackendSum{};
}

bool looks_at_traffic(const model::Vip& vip) {
  return vip.health.quorum != model::Quorum::kProbe;
}

}  // namespace

std::vector<health::Transition> HealthWatch::tick(
    Node& node, base::Nanoseconds now, bool* table_changed
) {
  *table_changed = false;
  if (now < due_) return {};
  due_ = now + kPeriod;
  look_at_traffic(node, now);
  look_at_orders(node, now);
  if (now >= window_due_) {
    window_due_ = now + kWindow;
    look_at_outliers(node, now);
  }
  std::set<health::Checks::Key> outliers;
  for (const auto& [vip, pool] : pools_) {
    for (const std::string& backend : pool.out(now)) outliers.emplace(vip, backend);
  }
  node.checks.set_outliers(std::move(outliers));
  auto changes = node.checks.settle(now);
  const bool grown = node.checks.grow(now);
  *table_changed = node.checks.end_doubts(now) || grown;
  return changes;
}

void HealthWatch::look_at_traffic(Node& node, base::Nanoseconds now) const {
  std::set<std::string> ids;
  for (const model::Vip& vip : node.config.vips) {
    if (!looks_at_traffic(vip)) continue;
    for (const model::Backend& backend : vip.backends) ids.insert(backend.id);
  }
  for (const std::string& id : ids) {
    const auto sum = sum_of(node, id);
    node.checks.on_traffic(id, sum.flows_completed, sum.ejections, now);
  }
}

void HealthWatch::look_at_orders(Node& node, base::Nanoseconds now) {
  auto& orders = node.operators.health;
  bool over = false;
  for (auto at = orders.begin(); at != orders.end();) {
    const bool ends = at->second.until != 0 && now >= at->second.until;
    if (ends) {
      sys::log_info(
          "operator's health order is over vip=" + at->first.first + " backend=" + at->first.second
      );
    }
    over = over || ends;
    at = ends ? orders.erase(at) : std::next(at);
  }
  if (over) persist(node);
  node.checks.set_orders(orders);
}

void HealthWatch::look_at_outliers(Node& node, base::Nanoseconds now) {
  std::map<std::string, Deeds> deeds;
  std::map<std::string, health::Outliers> pools;
  const auto sample = [&](const std::string& id) {
    const auto sum = sum_of(node, id);
    const auto reported = node.intake.totals(id);
    const Deeds d{
        reported.requests,
        reported.errors,
        static_cast<double>(sum.flows_begun),
        static_cast<double>(sum.flows_completed)};
    deeds[id] = d;
    const auto old = before_.find(id);
    if (old == before_.end()) return health::OutlierSample{id, 0, 0};
    const Deeds& b = old->second;
    health::OutlierSample reports{id, d.requests - b.requests, d.errors - b.errors};
    const double begun = d.begun - b.begun;
    const double failed = std::max(0.0, begun - (d.completed - b.completed));
    // The worse of the two stories.
    const bool handshakes =
        begun > 0 && failed * std::max(1.0, reports.attempts) > reports.failures * begun;
    return handshakes ? health::OutlierSample{id, begun, failed} : reports;
  };
  for (const model::Vip& vip : node.config.vips) {
    if (vip.health.outlier_failures <= 0) continue;
    std::vector<health::OutlierSample> samples;
    for (const model::Backend& backend : vip.backends) samples.push_back(sample(backend.id));
    health::Outliers& pool = pools[vip.name] = std::move(pools_[vip.name]);
    pool.weigh(
        samples,
        {vip.health.outlier_failures,
         vip.health.outlier_cap_pct,
         vip.health.outlier_hold_ms * base::kMillisecond},
        now
    );
  }
  before_ = std::move(deeds);
  pools_ = std::move(pools);
}

}  // namespace fairlead::control
