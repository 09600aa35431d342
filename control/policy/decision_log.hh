// SPDX-License-Identifier: BSD-3-Clause
// What a policy saw and what it decided, one line of JSON a turn, and the proof that one follows
// from the other: a replay recomputes every decision from the inputs of its line with the same
// update() and compares the bytes.
//
// A line holds pool, time, policy, backends with their reports, and `decision`: weights, reasons,
// learned residuals. Parameters stand in a pool's first line and wherever they changed. `begins`
// marks a pool without memory: its first turn, or the first after a restart, then with the weights
// that were published before (`restored`). Numbers are written so that reading gives the same bits.
#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>

#include "control/policy/policy.hh"
#include "dataplane/base/result.hh"

namespace fairlead::policy {

/// Writes turns. One thread.
class DecisionLog {
 public:
  using Sink = std::function<void(std::string_view line)>;  // with its line break
  explicit DecisionLog(Sink sink) : sink_(std::move(sink)) {}

  /// Before update(): remembers whether the pool has a memory, and which weights it starts from.
  void begin(const std::string& pool, const State& before);
  /// After it. `after`: the state that update() left.
  void end(
      const std::string& pool,
      const Snapshot& snapshot,
      const Observations& observed,
      base::Nanoseconds dt,
      const Weights& weights,
      const State& after
  );

 private:
  Sink sink_;
  std::map<std::string, std::string> parameters_;  // as last written, by pool
  std::string begins_;                             // JSON of `begins`; "": has a memory
};

struct Replayed {
  std::uint64_t turns = 0;
  std::uint64_t pools = 0;
};

/// Recomputes all decisions of a log; `name` is for messages (`NAME:LINE: what`). Fails at the
/// first line that is damaged or whose decision does not follow from its inputs. Lines of a pool
/// before its first `begins` cannot be recomputed and are refused.
base::Result<Replayed> replay(std::istream& log, const std::string& name);

}  // namespace fairlead::policy
