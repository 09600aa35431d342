// SPDX-License-Identifier: BSD-3-Clause
// The scores region: what a worker cannot know by itself, renewed every kScorePeriod.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/node.hh"

namespace fairlead::control {

inline constexpr base::Nanoseconds kScorePeriod = 20 * base::kMillisecond;

/// Writes, for every backend in a generation: the policy's inverse weight (what it says beyond the
/// table's where one of many nodes knows no counts but its own; 0, "use the member's", where the
/// backend is in several pools, whose weights differ), when it last answered a probe, and
/// per worker what is in flight through the node's other workers (unless the exchange writes that).
/// Names are looked up anew only when weights, numbers or shares changed: with 1000 backends that
/// takes 0.3 ms. Main thread.
class ScoreWriter {
 public:
  /// Numbers or shares may have changed: they count from the next write() on.
  void renew() { stale_ = true; }
  /// Cost: 10 ns per backend and worker.
  void write(Node& node, base::Nanoseconds now);

 private:
  /// Only a backend that was ejected for a second or more waits for an answer.
  static constexpr base::Nanoseconds kAnswers = 100 * base::kMillisecond;

  struct Row {
    std::string id;
    std::uint32_t number = 0;
    std::uint32_t inverse = 0;
  };
  void look_up(const Node& node);
  void write_answered(const Node& node, fl_scores& scores, base::Nanoseconds now) const;

  std::vector<Row> rows_;  // by id
  bool stale_ = true;
  std::uint64_t turns_seen_ = 0;
  base::Nanoseconds answers_due_ = 0;
};

}  // namespace fairlead::control
