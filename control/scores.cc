// SPDX-License-Identifier: BSD-3-Clause
// Writing the scores region. Workers read while we write: each word is written once, whole.
#include "control/scores.hh"

#include <algorithm>
#include <map>

#include "control/api/counters.hh"

namespace fairlead::control {
namespace {

std::map<std::string, std::uint32_t> inverse_weights(const Node& node) {
  std::map<std::string, std::uint32_t> out;
  for (const model::Vip& vip : node.config.vips) {
    for (const model::Backend& backend : vip.backends) {
      const auto* weight = node.weights.find(vip.name, backend.id);
      std::uint64_t inverse = weight == nullptr ? 0 : weight->inverse_weight;
      inverse = std::min<std::uint64_t>(
          inverse * 100 / node.checks.share_pct(vip.name, backend.id), UINT32_MAX
      );
      const auto [it, first] = out.try_emplace(backend.id, static_cast<std::uint32_t>(inverse));
      if (!first) it->second = 0;
    }
  }
  return out;
}

}  // namespace

void write_scores(Node& node, base::Nanoseconds now) {
  fl_scores& scores = node.regions.score_table();
  const auto pages = api::pages(node.regions.worker_pages());
  for (const auto& [id, inverse] : inverse_weights(node)) {
    const auto number = node.publisher.steering().backend_number(id);
    if (!number) continue;
    std::uint64_t all = 0;
    for (const fl_worker_page& page : pages) all += page.backends[*number].in_flight;
    for (std::size_t w = 0; w < pages.size(); ++w) {
      const std::uint64_t own = pages[w].backends[*number].in_flight;
      fl_score& score = scores.score[w][*number];
      __atomic_store_n(&score.inverse_weight, inverse, __ATOMIC_RELAXED);
      if (node.exchange.running()) continue;  // its thread writes them, others' nodes counts too
      __atomic_store_n(
          &score.external, static_cast<std::uint32_t>(all > own ? all - own : 0), __ATOMIC_RELAXED
      );
    }
  }
  for (const auto& [id, answered] : node.checks.answered(now)) {
    const auto number = node.publisher.steering().backend_number(id);
    if (number) __atomic_store_n(&scores.answered_ns[*number], answered, __ATOMIC_RELAXED);
  }
  __atomic_store_n(&scores.updated_ns, now, __ATOMIC_RELEASE);
}

}  // namespace fairlead::control
