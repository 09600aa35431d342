// SPDX-License-Identifier: BSD-3-Clause
// What is known about the health of every (vip, backend): pure book-keeping over probe results.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/health/dampener.hh"
#include "control/health/envelope.hh"
#include "control/health/judge.hh"
#include "control/model/model.hh"
#include "dataplane/base/clock.hh"

namespace fairlead::health {

using TargetId = std::uint32_t;

/// One thing to probe: a backend's real address, from the kernel's side, or a vip through the
/// backend's tunnel.
struct Target {
  TargetId id = 0;
  model::ProbeKind kind = model::ProbeKind::kTcp;
  net::IpAddr address;
  std::uint16_t port = 0;  // host order
  model::ProbeTalk talk;
  std::string host;                // the vip's: "203.0.113.10"
  std::optional<Envelope> tunnel;  // wanted; the prober may have to do without
  base::Nanoseconds interval = 0;
  base::Nanoseconds timeout = 0;
  friend bool operator==(const Target&, const Target&) = default;
};

/// How a probe ended; X(enumerator, words in logs and `show health`).
#define FL_PROBE_OUTCOMES(X)                           \
  X(kOk, "ok")                                         \
  X(kTimeout, "timeout")                               \
  X(kRefused, "connection refused")                    \
  X(kUnreachable, "unreachable")                       \
  X(kBadStatus, "bad status")                          \
  X(kBadReply, "no reply of its protocol")             \
  X(kBadBody, "unexpected answer")                     \
  X(kNotServing, "not serving")                        \
  X(kBadTls, "no TLS")                                 \
  X(kLocal, "not probed: this host is out of sockets") \
  X(kNoTunnel, "not probed: no way to the tunnel")     \
  X(kNoRoute, "no route from this host")

enum class Outcome : std::uint8_t {
#define FL_OUTCOME_ENUM(e, n) e,
  FL_PROBE_OUTCOMES(FL_OUTCOME_ENUM)
#undef FL_OUTCOME_ENUM
};
std::string_view to_string(Outcome outcome);

struct ProbeResult {
  TargetId target = 0;
  Outcome outcome = Outcome::kOk;
  int status = 0;  // of HTTP or gRPC; 0: none
  base::Nanoseconds begun_ns = 0;
  base::Nanoseconds ended_ns = 0;
  bool tunnelled = false;  // it went through the tunnel
};

/// One row of the book.
struct Check {
  Target target;
  Dampener dampener{1, 1};  // of its own probes
  Judge judge;              // of everything
  JudgeRules rules;
  bool probed = false;  // no: up, or (kind host) as the probes of the host in other pools
  bool joined = false;  // came into a pool that was there
  base::Nanoseconds slow_start = 0;
  base::Nanoseconds up_since = 0;  // while its weight grows
  std::uint32_t share_pct = 100;   // of its weight
  base::Nanoseconds doubt = 0;     // so long after a fall its flows stay
  std::string last_result = "none yet";
  base::Nanoseconds last_change_ns = 0;
  std::uint64_t probes = 0;
  std::uint64_t failures = 0;
  base::Nanoseconds last_rtt = 0;
  base::Nanoseconds answered_ns = 0;  // begin of the last probe that succeeded; 0: none yet
  bool tunnelled = false;             // the last probe; before the first: what is wanted
  std::uint32_t slot = 0;             // of Checks::standing()
};

/// What a turn asks of each check.
struct Standing {
  State state = State::kUnknown;
  std::uint8_t share_pct = 100;
  bool ordered_down = false;
  bool in_doubt = false;
  friend bool operator==(const Standing&, const Standing&) = default;
};

/// A change of a backend's state in a pool: an event.
struct Transition {
  std::string vip;
  std::string backend;
  State from = State::kUnknown;
  State state = State::kUnknown;
  Because because = Because::kNothing;
  std::string reason;             // in words: the probe's result, ...
  base::Nanoseconds seen_ns = 0;  // end of the probe that decided
};

/// An operator's word on a backend of a pool.
struct Order {
  bool up = false;
  base::Nanoseconds until = 0;  // 0: no end
  friend bool operator==(const Order&, const Order&) = default;
};

/// Owned by control's main thread.
class Checks {
 public:
  using Key = std::pair<std::string, std::string>;  // vip, backend

  /// Takes the desired pools. A check whose target is unchanged keeps state and counters; a new
  /// one begins with `initial(vip, backend)` (after a restart: the published member state). Returns
  /// what that changes.
  template <typename Initial>
  std::vector<Transition> configure(
      const std::vector<model::Vip>& vips, base::Nanoseconds now, const Initial& initial
  );

  /// Books a result; results of targets that are gone are ignored. Returns what it changes, of this
  /// backend and of those of kind host that hang on it.
  std::vector<Transition> on_result(const ProbeResult& result);
  /// What the workers counted of a backend since they began: handshakes completed, ejections. Told
  /// in settle().
  void on_traffic(
      const std::string& backend,
      std::uint64_t completed,
      std::uint64_t ejections,
      base::Nanoseconds now
  );
  /// Those that are outliers now.
  void set_outliers(std::set<Key> outliers);
  /// Orders in force; those that are over are left out by the caller.
  void set_orders(std::map<Key, Order> orders);
  /// Judges anew whom traffic, outliers, orders or time may have changed. Cost: that of those, not
  /// of all.
  std::vector<Transition> settle(base::Nanoseconds now);
  /// Lets the weights of those that came up grow; true: a share changed.
  bool grow(base::Nanoseconds now);
  /// Ends the doubt about falls that lasted; true: a backend's flows are to go now.
  bool end_doubts(base::Nanoseconds now);
  /// Down, but by probes and only a moment ago: a false alarm is over as soon as it answers again,
  /// and connections that were moved are broken for good. It gets no new flows and keeps its own.
  [[nodiscard]] bool in_doubt(const std::string& vip, const std::string& backend) const;
  /// Percent of its weight that a backend has now.
  [[nodiscard]] std::uint32_t share_pct(const std::string& vip, const std::string& backend) const;
  [[nodiscard]] bool ordered_down(const std::string& vip, const std::string& backend) const;

  /// up, down or unknown (not probed yet). A backend without a probe of its own (kind host) has up
  /// as evidence if any probe of the same backend or address says so, down if all say down; up if
  /// there is none.
  [[nodiscard]] State state(const std::string& vip, const std::string& backend) const;
  /// What the state rests on: "timeout", "ok 200", "not probed", "vip web: timeout", "flapping".
  [[nodiscard]] std::string reason(const std::string& vip, const std::string& backend) const;
  /// By backend, over all vips: when the last probe began that a backend answered; `now` for those
  /// that nobody probes.
  [[nodiscard]] std::map<std::string, base::Nanoseconds> answered(base::Nanoseconds now) const;
  [[nodiscard]] const std::map<Key, Check>& all() const { return checks_; }
  /// A check's place in standing(), until the next configure(); nullopt: not in the book.
  [[nodiscard]] std::optional<std::uint32_t> slot(
      const std::string& vip, const std::string& backend
  ) const;
  /// The same as state(), share_pct(), ordered_down() and in_doubt(), without a look-up.
  [[nodiscard]] const Standing& standing(std::uint32_t slot) const { return standings_[slot]; }
  /// For the prober.
  [[nodiscard]] std::vector<Target> targets() const;
  /// Checks that have had no result yet.
  [[nodiscard]] std::size_t pending() const;

 private:
  using Row = std::pair<const Key, Check>;
  Check make(const model::Vip& vip, const model::Backend& backend, base::Nanoseconds now);
  void adopt(std::map<Key, Check> next);
  void index();
  /// The check that speaks for a backend: its own, or (kind host) the best of its witnesses.
  [[nodiscard]] const Row& speaker(const Row& own) const;
  [[nodiscard]] Evidence evidence(const Row& row, base::Nanoseconds now) const;
  void settle_one(Row& row, base::Nanoseconds now, std::vector<Transition>& changes);
  /// After a configuration: judges all anew; `before` is what they were.
  std::vector<Transition> settle_all(const std::map<Key, State>& before, base::Nanoseconds now);
  [[nodiscard]] Transition transition(const Row& row, State from, base::Nanoseconds now) const;
  /// Whether time or traffic alone may change its state.
  static bool restless(const Check& check);
  /// Brings its standing up to date.
  void stand(const Row& row);
  void touch(const Key& key);
  /// Its host answered a probe that began then.
  void note_answer(const Key& key, base::Nanoseconds begun);

  /// When a backend answered, over all vips.
  struct Answer {
    bool probed = false;
    base::Nanoseconds last = 0;
  };
  /// What the workers say of a backend.
  struct Traffic {
    std::uint64_t completed = 0;
    std::uint64_t ejections = 0;
    base::Nanoseconds answered = 0;  // a handshake completed; 0: none seen
    bool ejected = false;            // and no `rise` good probes since
    std::uint32_t good = 0;          // probes since
  };

  std::map<Key, Check> checks_;
  std::vector<Standing> standings_;  // by Check::slot
  std::vector<Row*> restless_;
  std::set<Key> touched_;  // orders or outliers changed since they were settled
  std::map<std::string, Answer> answers_;
  std::map<std::string, Traffic> traffic_;
  std::set<Key> outliers_;
  std::map<Key, Order> orders_;
  std::set<Key> growing_;
  std::map<Key, base::Nanoseconds> doubted_;  // fallen, and until when
  std::map<TargetId, Key> by_target_;
  std::map<Key, std::vector<Key>> witnesses_;  // of backends of kind host: the probes of their host
  std::map<Key, std::vector<Key>> dependents_;  // the other way round
  TargetId next_target_ = 1;
};

template <typename Initial>
std::vector<Transition> Checks::configure(
    const std::vector<model::Vip>& vips, base::Nanoseconds now, const Initial& initial
) {
  std::map<Key, Check> next;
  std::map<Key, State> before;
  for (const model::Vip& vip : vips) {
    const auto first = checks_.lower_bound(Key(vip.name, ""));
    const bool was_there = first != checks_.end() && first->first.first == vip.name;
    for (const model::Backend& backend : vip.backends) {
      Check check = make(vip, backend, now);
      const Key key(vip.name, backend.id);
      const auto old = checks_.find(key);
      if (old != checks_.end()) before.emplace(key, old->second.judge.state());
      Target same = check.target;
      if (old != checks_.end()) {
        same.id = old->second.target.id;
        same.interval = old->second.target.interval;
        same.timeout = old->second.target.timeout;
      }
      if (old != checks_.end() && old->second.target == same &&
          old->second.probed == check.probed) {
        Check kept = old->second;
        kept.target.interval = check.target.interval;
        kept.target.timeout = check.target.timeout;
        kept.dampener.set_limits(vip.health.rise, vip.health.fall);
        kept.rules = check.rules;
        kept.slow_start = check.slow_start;
        kept.doubt = check.doubt;
        next.emplace(key, std::move(kept));
        continue;
      }
      const bool by_others = check.target.kind == model::ProbeKind::kHost;
      const State begin = check.probed || by_others ? initial(vip, backend) : State::kUp;
      check.dampener = Dampener(vip.health.rise, vip.health.fall, by_others ? State::kUp : begin);
      check.judge = Judge(begin);
      check.joined = was_there;
      before.emplace(key, begin);
      next.emplace(key, std::move(check));
    }
  }
  adopt(std::move(next));
  return settle_all(before, now);  // of kind host: as the others say
}

}  // namespace fairlead::health
