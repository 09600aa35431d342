// SPDX-License-Identifier: BSD-3-Clause
// The policies of all pools: turns, what they remember, the weights in force.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/policy/decision_log.hh"
#include "control/policy/policy.hh"
#include "control/policy/rails.hh"
#include "control/pool_index.hh"
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
  struct Standing {
    std::uint32_t configured = 0;  // or the operator's
    bool usable = true;
    friend bool operator==(const Standing&, const Standing&) = default;
  };
  /// Of a vip's backends, by position in its pool, as the index has them.
  using StandingsOf = std::function<std::vector<Standing>(std::uint32_t vip)>;
  /// Of a backend by its place in PoolIndex::backends(); asked once for all pools weighed together.
  using ObservationOf = std::function<policy::Observation(std::uint32_t backend)>;

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

  struct Turn {
    model::PolicyName policy = model::PolicyName::kStatic;
    policy::Parameters parameters;  // `choices` is each pool's
    base::Nanoseconds now = 0;
    bool frozen = false;  // by an operator
  };
  /// One turn of every pool. Pools of one shape, with the same standings and the same past, are
  /// weighed once and share the result; one that leaves the others goes on from what they had
  /// together. Returns true when a table weight changed.
  ///
  /// Frozen: no policy runs and nothing is logged. Every backend that has a weight, or had one
  /// before the restart, keeps it; one whose configured weight is another now has its weight in
  /// that ratio, one that is new as the pool's others for theirs. Only a pool without any weight is
  /// weighed.
  bool turn(
      const PoolIndex& index,
      const Turn& turn,
      const StandingsOf& standings,
      const ObservationOf& observe
  );

  /// Null: this backend has not been weighed yet.
  [[nodiscard]] const policy::EffectiveWeight* find(
      const std::string& vip, const std::string& backend
  ) const;
  /// Weights in force of a pool, by positions that `shape` gives a meaning.
  struct Row {
    SharedShape shape;  // null: not weighed yet
    std::vector<policy::EffectiveWeight> weights;
    std::vector<std::uint32_t> configured;  // that they follow from; empty: not known
    /// As `shape` has the positions; null where it was not weighed.
    [[nodiscard]] std::vector<const policy::EffectiveWeight*> as(const SharedShape& other) const;
  };
  /// Null: nothing is known of the vip. Vips that were weighed together have the same row.
  [[nodiscard]] const Row* row(const std::string& vip) const;
  /// A policy lost all its measurements and keeps its last weights.
  [[nodiscard]] bool any_frozen() const;
  [[nodiscard]] std::uint64_t turns() const { return turns_; }

 private:
  struct Pool {
    Row row;
    policy::State state;
    std::map<std::string, std::uint32_t> restored;  // published weights, while held
    base::Nanoseconds last_turn = 0;
    policy::RailMemory rails;
    bool frozen = false;
  };
  using SharedPool = std::shared_ptr<const Pool>;
  /// Pools that are weighed together in one turn.
  struct Group {
    SharedPool before;
    SharedShape shape;
    std::vector<Standing> standings;
    policy::Snapshot snapshot;
    policy::Observations observed;
    base::Nanoseconds dt = 0;
    policy::Weights decided;  // before rails; kept for a log only
    SharedPool after;
    bool changed = false;
    bool kept = false;  // frozen: there is nothing to log
  };
  /// False: the pool has no weight yet that could be kept.
  static bool keep(Group& group);
  void weigh(Group& group, const Turn& turn, const ObservationOf& observe) const;
  /// Takes `fresh` for the pool's weights. True: a table weight is another than in `before`.
  static bool adopt(Pool& pool, const Row& before, policy::Weights fresh, bool hold);
  static bool same_past(const Pool& a, const Pool& b);
  [[nodiscard]] SharedPool pool(const std::string& vip) const;

  policy::RailSettings rails_;
  policy::DecisionLog* log_ = nullptr;
  SharedPool nothing_ = std::make_shared<const Pool>();  // of those never seen
  std::map<std::string, SharedPool> pools_;
  base::Nanoseconds hold_until_ = 0;
  std::uint64_t turns_ = 0;
};

}  // namespace fairlead::control
