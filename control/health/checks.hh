// SPDX-License-Identifier: BSD-3-Clause
// What is known about the health of every (vip, backend): pure book-keeping over probe results.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/health/dampener.hh"
#include "control/health/envelope.hh"
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

enum class Outcome : std::uint8_t {
  kOk,
  kTimeout,
  kRefused,
  kUnreachable,
  kBadStatus,
  kBadReply,
  kBadBody,
  kNotServing,
  kBadTls,
  kLocal,
  kNoTunnel
};
/// "ok", "timeout", "connection refused", ... as in `show health`.
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
  Dampener dampener{1, 1};
  bool probed = false;  // no: up, or (kind host) as the probes of the host in other pools
  std::string last_result = "none yet";
  base::Nanoseconds last_change_ns = 0;
  std::uint64_t probes = 0;
  std::uint64_t failures = 0;
  base::Nanoseconds last_rtt = 0;
  base::Nanoseconds answered_ns = 0;  // begin of the last probe that succeeded; 0: none yet
  bool tunnelled = false;             // the last probe; before the first: what is wanted
};

struct Transition {
  std::string vip;
  std::string backend;
  State state = State::kUnknown;
  std::string reason;
  base::Nanoseconds seen_ns = 0;  // end of the probe that decided
};

/// Owned by control's main thread.
class Checks {
 public:
  using Key = std::pair<std::string, std::string>;  // vip, backend

  /// Takes the desired pools. A check whose target is unchanged keeps state and counters; a new
  /// one begins with `initial(vip, backend)` (after a restart: the published member state).
  template <typename Initial>
  void configure(
      const std::vector<model::Vip>& vips, base::Nanoseconds now, const Initial& initial
  );

  /// Books a result; results of targets that are gone are ignored. Returns a transition, or one
  /// with state kUnknown when nothing changed.
  Transition on_result(const ProbeResult& result);

  /// up, down or unknown (not probed yet). Of a backend without a probe of its own (kind host): up
  /// if any probe of the same backend or address says so, down if all say down; up if there is
  /// none.
  [[nodiscard]] State state(const std::string& vip, const std::string& backend) const;
  /// What the state rests on: "timeout", "ok 200", "not probed", "vip web: timeout".
  [[nodiscard]] std::string reason(const std::string& vip, const std::string& backend) const;
  /// By backend, over all vips: when the last probe began that a backend answered; `now` for those
  /// that nobody probes.
  [[nodiscard]] std::map<std::string, base::Nanoseconds> answered(base::Nanoseconds now) const;
  [[nodiscard]] const std::map<Key, Check>& all() const { return checks_; }
  /// For the prober.
  [[nodiscard]] std::vector<Target> targets() const;
  /// Checks that have had no result yet.
  [[nodiscard]] std::size_t pending() const;

 private:
  Check make(const model::Vip& vip, const model::Backend& backend, base::Nanoseconds now);
  void adopt(std::map<Key, Check> next);
  /// The check that speaks for a backend: its own, or (kind host) the best of its witnesses.
  [[nodiscard]] const std::pair<const Key, Check>* speaker(const Key& key) const;

  std::map<Key, Check> checks_;
  std::map<TargetId, Key> by_target_;
  std::map<Key, std::vector<Key>> witnesses_;  // of backends of kind host: the probes of their host
  TargetId next_target_ = 1;
};

template <typename Initial>
void Checks::configure(
    const std::vector<model::Vip>& vips, base::Nanoseconds now, const Initial& initial
) {
  std::map<Key, Check> next;
  for (const model::Vip& vip : vips) {
    for (const model::Backend& backend : vip.backends) {
      Check check = make(vip, backend, now);
      const Key key(vip.name, backend.id);
      const auto old = checks_.find(key);
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
        next.emplace(key, std::move(kept));
        continue;
      }
      const State begin = check.probed ? initial(vip, backend) : State::kUp;
      check.dampener = Dampener(vip.health.rise, vip.health.fall, begin);
      next.emplace(key, std::move(check));
    }
  }
  adopt(std::move(next));
}

}  // namespace fairlead::health
