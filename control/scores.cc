// SPDX-License-Identifier: BSD-3-Clause
// Writing the scores region. Workers read while we write: each word is written once, whole.
#include "control/scores.hh"

#include <algorithm>

#include "control/api/counters.hh"
#include "control/exchange/worth.hh"

namespace fairlead::control {
void ScoreWriter::look_up(const Node& node) {
  rows_.clear();
  const bool level = exchange::weights_are_for_tables(fleet_size(node.fleet, node.store.get())) &&
                     !node.exchange.knows_parallel();
  const PoolIndex& index = node.rows.index();
  std::vector<std::uint32_t> pools(index.backends().size(), 0);  // that a backend is in
  std::vector<std::uint32_t> inverses(index.backends().size(), 0);
  for (std::uint32_t v = 0; v < index.names().size(); ++v) {
    const SharedShape& shape = index.pools()[v];
    const auto* weighed = node.weights.row(index.names()[v]);
    const bool known = weighed != nullptr && weighed->shape != nullptr;
    const auto weights = known ? weighed->as(shape) : PoolWeights::Row{}.as(shape);
    for (std::uint32_t i = 0; i < shape->backends.size(); ++i) {
      const std::uint32_t n = shape->backends[i];
      if (++pools[n] > 1) continue;
      const auto slot = node.rows.row(v).checks[i];
      const std::uint32_t share = slot ? node.checks.standing(*slot).share_pct : 100;
      const std::uint64_t inverse = weights[i] == nullptr ? 0
                                    : level ? policy::inverse_beyond_table(*weights[i])
                                            : weights[i]->inverse_weight;
      inverses[n] =
          static_cast<std::uint32_t>(std::min<std::uint64_t>(inverse * 100 / share, UINT32_MAX));
    }
  }
  for (std::uint32_t n = 0; n < pools.size(); ++n) {
    const std::string& id = index.backends()[n];
    const auto number = node.publisher.steering().backend_number(id);
    if (number) rows_.push_back({id, *number, pools[n] == 1 ? inverses[n] : 0});
  }
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
