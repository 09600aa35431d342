// SPDX-License-Identifier: BSD-3-Clause
// The policies of all pools: turns, what they remember, the weights in force.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/model/model.hh"
#include "control/policy/decision_log.hh"
#include "control/policy/policy.hh"
#include "control/policy/rails.hh"
#include "dataplane/steer/table_view.hh"

namespace fairlead::control {

/// Pure but for what the caller hands in. Owned by control's main thread.
class PoolWeights {
 public:
  /// The operator or the configuration spoke: weights follow at once.
  void end_hold() { hold_until_ = 0; }

  /// Every turn from now on is written there, as the policy decided and before rails; null:
  /// nowhere.
  void log_to(policy::DecisionLog* log) { log_ = log; }

  /// What a turn needs to know about one backend of a pool.
  struct Input {
    std::uint32_t configured = 0;  // or the operator's
    bool usable = true;
    policy::Observation observation;
  };
  using InputOf = std::function<Input(const model::Vip&, const model::Backend&)>;

  /// After a restart: the published weights stay in force until `hold_until`, while estimates
  /// are made anew; from then on policies move them step by step.
  void restore(
      const steer::TableView& table, const steer::Names& names, base::Nanoseconds hold_until
  );

  /// The same from weights of one pool each, by backend; none is 0.
  using Restored = std::map<std::string, std::uint32_t>;
  void restore(const std::map<std::string, Restored>& pools, base::Nanoseconds hold_until);

  /// Weights that somebody else computed, for all pools: in force from now on, until turn() is
  /// called. Returns true when tables must follow.
  using Given = std::map<std::string, std::map<std::string, policy::EffectiveWeight>>;
  bool give(Given pools, bool frozen);

  /// From the next turn on.
  void set_rails(const policy::RailSettings& rails) { rails_ = rails; }

  /// One turn of every pool. Returns true when a table weight changed.
  bool turn(
      const std::vector<model::Vip>& vips,
      model::PolicyName policy,
      const policy::Parameters& parameters,
      base::Nanoseconds now,
      const InputOf& input
  );

  /// Null: this backend has not been weighed yet.
  [[nodiscard]] const policy::EffectiveWeight* find(
      const std::string& vip, const std::string& backend
  ) const;
  /// A policy lost all its measurements and keeps its last weights.
  [[nodiscard]] bool any_frozen() const;
  [[nodiscard]] std::uint64_t turns() const { return turns_; }

 private:
  struct Pool {
    policy::State state;
    std::map<std::string, policy::EffectiveWeight> weights;
    std::map<std::string, std::uint32_t> restored;  // published weights, while held
    base::Nanoseconds last_turn = 0;
    policy::RailMemory rails;
    bool frozen = false;
  };
  static bool adopt(Pool& pool, const model::Vip& vip, const policy::Weights& fresh, bool hold);

  policy::RailSettings rails_;
  policy::DecisionLog* log_ = nullptr;
  std::map<std::string, Pool> pools_;
  base::Nanoseconds hold_until_ = 0;
  std::uint64_t turns_ = 0;
};

}  // namespace fairlead::control
