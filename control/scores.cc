// SPDX-License-Identifier: BSD-3-Clause
// Writing the scores region. Workers read while we write: each word is written once, whole.
#include "control/scores.hh"

#include <algorithm>

#include "control/api/counters.hh"

namespace fairlead::control {
void ScoreWriter::look_up(const Node& node) {
  rows_.clear();
  for (const model::Vip& vip : node.config.vips) {
    for (const model::Backend& backend : vip.backends) {
      const auto number = node.publisher.steering().backend_number(backend.id);
      if (!number) continue;
      const auto* weight = node.weights.find(vip.name, backend.id);
      const std::uint64_t inverse = weight == nullptr ? 0 : weight->inverse_weight;
      const std::uint32_t share = node.checks.share_pct(vip.name, backend.id);
      rows_.push_back(
          {backend.id,
           *number,
           static_cast<std::uint32_t>(std::min<std::uint64_t>(inverse * 100 / share, UINT32_MAX))}
      );
    }
  }
  const auto by_id = [](const Row& a, const Row& b) { return a.id < b.id; };
  std::stable_sort(rows_.begin(), rows_.end(), by_id);
  for (std::size_t i = 1; i < rows_.size(); ++i) {
    if (rows_[i].id == rows_[i - 1].id) rows_[i].inverse = rows_[i - 1].inverse = 0;
  }
  const auto same = [](const Row& a, const Row& b) { return a.id == b.id; };
  rows_.erase(std::unique(rows_.begin(), rows_.end(), same), rows_.end());
  stale_ = false;
  turns_seen_ = node.weights.turns();
}

void ScoreWriter::write_answered(const Node& node, fl_scores& scores, base::Nanoseconds now) const {
  auto row = rows_.begin();
  for (const auto& [id, answered] : node.checks.answered(now)) {
    while (row != rows_.end() && row->id < id) ++row;
    if (row == rows_.end()) return;
    if (row->id == id)
      __atomic_store_n(&scores.answered_ns[row->number], answered, __ATOMIC_RELAXED);
  }
}

void ScoreWriter::write(Node& node, base::Nanoseconds now) {
  fl_scores& scores = node.regions.score_table();
  if (stale_ || turns_seen_ != node.weights.turns()) look_up(node);
  if (now >= answers_due_) {
    write_answered(node, scores, now);
    answers_due_ = now + kAnswers;
  }
  const auto pages = api::pages(node.regions.worker_pages());
  const bool exchanged = node.exchange.running();  // its thread writes others' nodes counts too
  for (const Row& row : rows_) {
    std::uint64_t all = 0;
    if (!exchanged) {
      for (const fl_worker_page& page : pages) all += page.backends[row.number].in_flight;
    }
    for (std::size_t w = 0; w < pages.size(); ++w) {
      fl_score& score = scores.score[w][row.number];
      __atomic_store_n(&score.inverse_weight, row.inverse, __ATOMIC_RELAXED);
      if (exchanged) continue;
      const std::uint64_t own = pages[w].backends[row.number].in_flight;
      __atomic_store_n(
          &score.external, static_cast<std::uint32_t>(all > own ? all - own : 0), __ATOMIC_RELAXED
      );
    }
  }
  __atomic_store_n(&scores.updated_ns, now, __ATOMIC_RELEASE);
}

}  // namespace fairlead::control
