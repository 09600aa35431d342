// SPDX-License-Identifier: BSD-3-Clause
// From intents to a published generation, and how long the workers take to see it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "control/steering/steering.hh"
#include "dataplane/base/result.hh"
#include "dataplane/shm/publication.hh"
#include "dataplane/steer/table_view.hh"

namespace fairlead::control {

/// A duration that happens again and again.
struct Timing {
  std::uint64_t count = 0;
  base::Nanoseconds last = 0;
  base::Nanoseconds longest = 0;
  base::Nanoseconds sum = 0;
  void add(base::Nanoseconds duration) {
    ++count;
    last = duration;
    longest = duration > longest ? duration : longest;
    sum += duration;
  }
};

/// Owned by control's main thread.
class Publisher {
 public:
  /// Goes on from the generation in force, if there is a sound one; a damaged one is told in `note`
  /// and replaced by the next. The regions outlive the publisher.
  static Publisher open(
      shm::Region& steering, shm::Region& workers, base::Nanoseconds now, std::string* note
  );

  enum class Outcome : std::uint8_t {
    kPublished,
    kUnchanged,  // the generation in force says this already
    kBusy,       // workers keep all banks: try again
  };
  /// Plans, writes, publishes. `decided`: when the reason for the change was seen. Errors: the
  /// intent cannot be planned or does not fit; the generation in force stays.
  base::Result<Outcome> publish(
      const std::vector<steering::PoolIntent>& pools,
      const steering::NodeIntent& node,
      base::Nanoseconds decided,
      base::Nanoseconds now
  );

  /// A generation that every worker has taken up.
  struct Followed {
    std::uint64_t generation = 0;
    base::Nanoseconds since_decision = 0;
  };
  /// Call while waiting(): the generations that every worker has acknowledged since the last call.
  /// Some have been when publish() returns: see let_workers_follow().
  std::vector<Followed> watch_acknowledgements();
  [[nodiscard]] bool waiting() const { return !awaited_.empty() || !followed_.empty(); }

  [[nodiscard]] std::uint64_t generation() const { return writer_.generation(); }
  /// The lowest that a worker has taken up which runs; 0: none runs.
  [[nodiscard]] std::uint64_t acknowledged(base::Nanoseconds now) const;
  /// Workers that have not, hanging ones too.
  [[nodiscard]] std::vector<shm::Holder> holders() const { return writer_.holders(); }
  /// A bank is free. False: a change has to wait, for one of holders().
  [[nodiscard]] bool may_publish(base::Nanoseconds now);
  /// The generation in force; not valid() before the first.
  [[nodiscard]] const steer::TableView& table() const { return table_; }
  [[nodiscard]] const steer::Names& names() const { return names_; }
  [[nodiscard]] const steering::Steering& steering() const { return steering_; }
  /// Slots that the last generation moved, by vip.
  [[nodiscard]] const std::map<std::string, std::uint32_t>& last_moved() const { return moved_; }
  [[nodiscard]] std::uint64_t slots_moved() const { return slots_moved_; }

  // Figures since the start.
  [[nodiscard]] const Timing& decision_to_publish() const { return decision_; }
  [[nodiscard]] const Timing& publish_to_acknowledge() const { return acknowledgement_; }
  [[nodiscard]] const Timing& decision_to_acknowledge() const { return following_; }
  [[nodiscard]] const Timing& plan_time() const { return planning_; }

 private:
  Publisher(shm::Region& steering, shm::Region& workers) : writer_(steering, workers) {}
  void look_at_current();
  /// A thread that is urgent keeps a worker whose core it shares from taking up what it published
  /// for as long as it goes on: so it sleeps at once, in small steps, until all have, or a moment
  /// is over. What else follows a publication comes after. Workers with cores of their own need no
  /// step.
  void let_workers_follow();
  void see_acknowledgements();

  shm::GenerationWriter writer_;
  steering::Steering steering_;
  steer::TableView table_;
  steer::Names names_;
  std::map<std::string, std::uint32_t> moved_;
  std::uint64_t slots_moved_ = 0;
  struct Awaited {
    std::uint64_t generation = 0;
    base::Nanoseconds decided = 0;
    base::Nanoseconds published = 0;
  };
  std::deque<Awaited> awaited_;     // published, not acknowledged by all; the oldest first
  std::vector<Followed> followed_;  // not told yet
  Timing decision_;
  Timing acknowledgement_;
  Timing following_;
  Timing planning_;
};

}  // namespace fairlead::control
