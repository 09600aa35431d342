// SPDX-License-Identifier: BSD-3-Clause
// From all that speaks for or against a backend to one state, and why. Pure: time is a parameter.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "control/health/dampener.hh"
#include "control/model/model.hh"
#include "dataplane/base/clock.hh"

namespace fairlead::health {

/// What a state rests on; X(enumerator, word in logs, events and `show health`).
#define FL_HEALTH_CAUSES(X)                                                     \
  X(kNothing, "nothing")   /* not probed, or not yet */                         \
  X(kProbe, "probe")       /* rise and fall of its probes, or of its host's */  \
  X(kTraffic, "traffic")   /* handshakes of clients, as the workers see them */ \
  X(kOutlier, "outlier")   /* fails far more often than the rest of its pool */ \
  X(kFlapping, "flapping") /* too many falls in too short a time */             \
  X(kOperator, "operator") /* set by hand */

enum class Because : std::uint8_t {
#define FL_CAUSE_ENUM(e, n) e,
  FL_HEALTH_CAUSES(FL_CAUSE_ENUM)
#undef FL_CAUSE_ENUM
};
std::string_view to_string(Because because);

/// What is known at an instant.
struct Evidence {
  State probes = State::kUnknown;  // damped: dampener.hh
  bool probed = true;              // no: nobody looks, and `probes` is what counts then
  bool answering = false;          // clients' handshakes with it completed a moment ago
  bool ejected = false;            // workers ejected it, and probes have not cleared it since
  bool outlier = false;
  std::optional<bool> order;  // an operator's: up or down
};

/// Who may take a backend out: model::Quorum.
struct JudgeRules {
  model::Quorum quorum = model::Quorum::kProbe;
  std::uint32_t flap_limit = 0;  // 0: off
  base::Nanoseconds flap_half_life = 0;
};

/// Falls fade: each counts 1 when it happens and half of it a half-life later. Above the limit
/// the backend stays down until the sum is at half the limit, or the limit is switched off.
class FlapMemory {
 public:
  void on_fall(const JudgeRules& rules, base::Nanoseconds now);
  [[nodiscard]] double falls(const JudgeRules& rules, base::Nanoseconds now) const;
  /// Forgets what has faded; true: still held.
  bool holds(const JudgeRules& rules, base::Nanoseconds now);

 private:
  double falls_ = 0;
  base::Nanoseconds at_ = 0;
  bool held_ = false;
};

struct Change {
  State from = State::kUnknown;
  State to = State::kUnknown;
  Because because = Because::kNothing;
};

/// Of one backend in one pool. An operator's word goes before all else, then: outlier, flapping,
/// and the quorum of probes and traffic.
class Judge {
 public:
  explicit Judge(State initial = State::kUnknown) : state_(initial), trusted_(initial) {}

  /// Nullopt: the state stays. What it rests on may be another thing all the same.
  std::optional<Change> weigh(
      const Evidence& evidence, const JudgeRules& rules, base::Nanoseconds now
  );

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] Because because() const { return because_; }
  /// Changes of the state after the first.
  [[nodiscard]] std::uint64_t flaps() const { return flaps_; }

 private:
  State state_;
  State trusted_;  // by the quorum alone
  Because because_ = Because::kNothing;
  FlapMemory memory_;
  std::uint64_t flaps_ = 0;
};

/// Percent of its weight for a backend that came up `up_for` ago: a tenth more each tenth of
/// `ramp`.
constexpr std::uint32_t slow_start_pct(base::Nanoseconds up_for, base::Nanoseconds ramp) {
  if (up_for >= ramp) return 100;
  return static_cast<std::uint32_t>(up_for * 10 / ramp + 1) * 10;
}

}  // namespace fairlead::health
