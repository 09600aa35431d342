// SPDX-License-Identifier: BSD-3-Clause
// The loop's steps: inputs mark the node dirty, reconcile() makes the tables say what they should.
#pragma once

#include <string>
#include <vector>

#include "control/health_watch.hh"
#include "control/intents.hh"
#include "control/node.hh"
#include "control/scores.hh"

namespace fairlead::control {

/// Level-triggered: reconcile() looks at the whole state, so a missed event heals at the next turn.
/// Main thread, under the daemon's lock.
class Reconciler {
 public:
  explicit Reconciler(Node& node) : node_(node) {}

  /// Puts a configuration in force (start and reload); operators' weights are dropped on reload.
  void take_config(config::Config config, base::Nanoseconds now);
  /// Books probe results, logs transitions.
  void on_probes(const std::vector<health::ProbeResult>& results);
  /// Something else changed: operator, agent.
  void mark_dirty(base::Nanoseconds now);
  /// Weights must be computed anew at the next turn, whatever the interval.
  void hasten_policy() { policy_due_ = 0; }
  /// An order on health was given or taken back.
  void hasten_health() { health_watch_.hasten(); }

  /// Does what is due: policy, publication, scores, acknowledgement.
  void turn(base::Nanoseconds now);
  /// When turn() must run again at the latest.
  [[nodiscard]] base::Nanoseconds next_due() const;

 private:
  void tell(const health::Transition& transition);
  void watch_health(base::Nanoseconds now);
  void watch_fleet(base::Nanoseconds now);
  void run_policy(base::Nanoseconds now);
  /// By place in the index of the node's rows; takes the reports, but while weights are frozen.
  std::vector<policy::Observation> observe();
  void publish(base::Nanoseconds now);
  void wait_for_bank(base::Nanoseconds now);
  void set_gate();
  void log_published(base::Nanoseconds now) const;
  /// At a cold start the first generation waits for the first results of the probes.
  [[nodiscard]] bool first_results_awaited(base::Nanoseconds now) const;

  Node& node_;
  HealthWatch health_watch_;
  IntentRows intents_;
  ScoreWriter scores_;
  bool dirty_ = false;
  std::size_t fleet_size_ = 0;      // when it was looked at last
  base::Nanoseconds decided_ = 0;   // since when
  base::Nanoseconds retry_at_ = 0;  // no bank was free
  base::Nanoseconds retry_after_ = 0;
  base::Nanoseconds policy_due_ = 0;
  base::Nanoseconds scores_due_ = 0;
  base::Nanoseconds ack_due_ = 0;
  base::Nanoseconds first_by_ = 0;  // cold start: publish by then
  std::vector<ebpf::ServedVip> gate_vips_;
  bool gate_set_ = false;
};

}  // namespace fairlead::control
