// SPDX-License-Identifier: BSD-3-Clause
// Reconciling: policy turns, publication, gate, scores.
#include "control/reconcile.hh"

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <utility>

#include "control/api/counters.hh"
#include "control/policy_input.hh"
#include "control/take_weights.hh"
#include "dataplane/sys/log.hh"

namespace fairlead::control {
namespace {

// Workers that keep every bank are looked at again so soon, then half as often each time.
constexpr base::Nanoseconds kFirstRetry = base::kMillisecond;
constexpr base::Nanoseconds kSlowestRetry = 64 * base::kMillisecond;
constexpr base::Nanoseconds kAckPoll = 250 * base::kMicrosecond;
constexpr base::Nanoseconds kFirstResults = 500 * base::kMillisecond;

using Weights = std::map<std::pair<std::string, std::string>, double>;

/// By vip and backend, as published.
Weights published_weights(const Node& node) {
  Weights out;
  const steer::TableView& table = node.publisher.table();
  for (const auto& [member, number] : member_numbers(node))
    out.emplace(member, table.member(number).weight);
  return out;
}

/// What tell_weights() compares with; nullopt: nobody watches weights.
std::optional<Weights> weights_before(Node& node) {
  if (!node.happenings.weights().watched()) return std::nullopt;
  return published_weights(node);
}

void tell_weights(Node& node, const std::optional<Weights>& before) {
  if (!before) return;
  for (const auto& [key, weight] : published_weights(node)) {
    const auto old = before->find(key);
    const double was = old == before->end() ? 0 : old->second;
    if (was == weight) continue;
    api::Event event;
    event.kind = "weight";
    event.what = "changed";
    event.vip = key.first;
    event.backend = key.second;
    event.generation = node.publisher.generation();
    event.before = was;
    event.after = weight;
    node.happenings.tell(std::move(event));
  }
}

std::string milliseconds(base::Nanoseconds ns) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3fms", static_cast<double>(ns) / 1e6);
  return text;
}

}  // namespace

void Reconciler::mark_dirty(base::Nanoseconds now) {
  if (!dirty_) decided_ = now;
  dirty_ = true;
}

void Reconciler::take_config(config::Config config, base::Nanoseconds now) {
  node_.config = std::move(config);
  const steer::TableView& table = node_.publisher.table();
  const auto numbers = member_numbers(node_);
  const auto published = [&](const model::Vip& vip, const model::Backend& backend) {
    const auto number = numbers.find({vip.name, backend.id});
    if (number == numbers.end()) return health::State::kUnknown;
    return table.member(number->second).state == FL_MEMBER_DOWN ? health::State::kDown
                                                                : health::State::kUp;
  };
  for (const health::Transition& t : node_.checks.configure(node_.config.vips, now, published))
    tell(t);
  node_.rows.configure(node_.config.vips, node_.checks);
  node_.intake.set_backends(node_.rows.index().backends());
  if (node_.publisher.generation() == 0 && first_by_ == 0) first_by_ = now + kFirstResults;
  gate_set_ = false;
  hasten_policy();
  mark_dirty(now);
}

bool Reconciler::first_results_awaited(base::Nanoseconds now) const {
  return node_.publisher.generation() == 0 && now < first_by_ && node_.checks.pending() > 0;
}

void Reconciler::on_probes(const std::vector<health::ProbeResult>& results) {
  for (const health::ProbeResult& result : results) {
    for (const health::Transition& t : node_.checks.on_result(result)) tell(t);
  }
}

void Reconciler::tell(const health::Transition& t) {
  ++node_.transitions;
  mark_dirty(t.seen_ns);
  const std::string line = "backend " + std::string(to_string(t.state)) + " vip=" + t.vip +
                           " backend=" + t.backend + " cause=" + std::string(to_string(t.because)) +
                           " result=\"" + t.reason + "\"";
  t.state == health::State::kUp ? sys::log_info(line) : sys::log_warn(line);
  api::Event event;
  event.kind = "health";
  event.what = to_string(t.state);
  event.cause = t.reason;
  event.vip = t.vip;
  event.backend = t.backend;
  node_.happenings.tell(std::move(event));
}

void Reconciler::watch_health(base::Nanoseconds now) {
  bool table_changed = false;
  for (const health::Transition& t : health_watch_.tick(node_, now, &table_changed)) tell(t);
  if (table_changed) {
    scores_.renew();
    mark_dirty(now);
  }
}

/// Reserves and scores follow from how many nodes there are and whether their counts are known.
void Reconciler::watch_fleet(base::Nanoseconds now) {
  const std::size_t size = fleet_size(node_.fleet, node_.store.get());
  const bool counts_changed = node_.exchange.judge(now);
  if (!counts_changed && size == fleet_size_) return;
  fleet_size_ = size;
  scores_.renew();
  mark_dirty(now);
}

void Reconciler::turn(base::Nanoseconds now) {
  if (node_.intake.take_membership_change()) mark_dirty(now);
  watch_fleet(now);
  watch_health(now);
  if (now >= policy_due_) run_policy(now);
  if (first_results_awaited(now)) {
    decided_ = now;
  } else if (dirty_ && now >= retry_at_) {
    publish(now);
  }
  if (now >= scores_due_) {
    scores_.write(node_, now);
    scores_due_ = now + kScorePeriod;
  }
  for (const auto& followed : node_.publisher.watch_acknowledgements()) {
    sys::log_info(
        "acknowledged generation=" + std::to_string(followed.generation) +
        " decision_to_acknowledge=" + milliseconds(followed.since_decision)
    );
    api::Event event;
    event.kind = "generation";
    event.what = "acknowledged";
    event.cause =
        "by every worker, " + milliseconds(followed.since_decision) + " after the decision";
    event.generation = followed.generation;
    node_.happenings.tell(std::move(event));
  }
  ack_due_ = now + kAckPoll;
}

base::Nanoseconds Reconciler::next_due() const {
  base::Nanoseconds due = std::min(scores_due_, policy_due_);
  if (dirty_ && retry_at_ != 0) due = std::min(due, retry_at_);
  if (node_.publisher.waiting()) due = std::min(due, ack_due_);
  return due;
}

void Reconciler::run_policy(base::Nanoseconds now) {
  policy_due_ = now + node_.config.monitoring.interval;
  scores_.renew();
  if (node_.fleet_weights.generation != 0) {
    if (give_fleet_weights(node_)) mark_dirty(now);
    return;
  }
  node_.rows.renew(node_.operators, node_.intake);
  const PoolRows& rows = node_.rows;
  const std::vector<policy::Observation> observed = observe();
  const auto standings = [&](std::uint32_t vip) {
    const PoolRow& row = rows.row(vip);
    std::vector<PoolWeights::Standing> out(row.base_weight.size());
    for (std::uint32_t i = 0; i < out.size(); ++i) {
      const bool down =
          row.checks[i] && node_.checks.standing(*row.checks[i]).state == health::State::kDown;
      out[i] = {row.base_weight[i], !down && row.is_held[i] == 0 && !rows.has_left(vip, i)};
    }
    return out;
  };
  set_rails(node_.weights, node_.config.rails);
  policy::Parameters parameters;
  parameters.learning = static_cast<policy::Learning>(static_cast<int>(node_.config.learning));
  const PoolWeights::Turn turn{node_.config.policy, parameters, now, node_.operators.frozen};
  if (node_.weights.turn(rows.index(), turn, standings, [&](std::uint32_t n) {
        return observed[n];
      })) {
    sys::log_debug("the policy changes weights turn=" + std::to_string(node_.weights.turns()));
    mark_dirty(now);
  }
}

std::vector<policy::Observation> Reconciler::observe() {
  std::vector<policy::Observation> out;
  for (const std::string& id : node_.rows.index().backends()) {
    policy::Observation& mine = out.emplace_back();
    // Frozen: the last ones wait for the thaw.
    if (node_.operators.frozen) continue;
    for (const auto& received : node_.intake.take_reports(id))
      mine.reports.push_back(to_policy(received));
    if (const auto number = node_.publisher.steering().backend_number(id)) {
      const auto sum = api::backend_sum(node_.regions.worker_pages(), *number);
      mine.in_flight = static_cast<double>(sum.in_flight);
    }
  }
  return out;
}

/// No bank is free: nothing is planned before one is.
void Reconciler::wait_for_bank(base::Nanoseconds now) {
  if (node_.waits_since == 0) node_.waits_since = now;
  retry_after_ = std::clamp(2 * retry_after_, kFirstRetry, kSlowestRetry);
  retry_at_ = now + retry_after_;
}

void Reconciler::publish(base::Nanoseconds now) {
  if (!node_.publisher.may_publish(now)) return wait_for_bank(now);
  const auto before = weights_before(node_);
  node_.rows.renew(node_.operators, node_.intake);
  const auto outcome = node_.publisher.publish(
      intents_.renew(intent_input(node_)), node_intent(node_.config), decided_, now
  );
  if (outcome && *outcome == Publisher::Outcome::kBusy) return wait_for_bank(now);
  retry_at_ = 0;
  retry_after_ = 0;
  node_.waits_since = 0;
  if (!outcome) {
    ++node_.publish_errors;
    if (node_.last_error != outcome.error().what) {
      node_.last_error = outcome.error().what;
      sys::log_error("generation refused, the last one stays: " + node_.last_error);
    }
    dirty_ = false;  // the same again would fail again; the next change tries anew
    return;
  }
  dirty_ = false;
  node_.last_error.clear();
  scores_.renew();
  if (*outcome == Publisher::Outcome::kPublished) {
    log_published(now);
    tell_weights(node_, before);
  }
  node_.exchange.set_backends(node_.rows.index().backends(), node_.publisher.steering());
  set_gate();
}

void Reconciler::log_published(base::Nanoseconds) const {
  std::uint64_t moved = 0;
  for (const auto& [vip, slots] : node_.publisher.last_moved()) moved += slots;
  sys::log_info(
      "published generation=" + std::to_string(node_.publisher.generation()) +
      " slots_moved=" + std::to_string(moved) +
      " decision_to_publish=" + milliseconds(node_.publisher.decision_to_publish().last) +
      " plan=" + milliseconds(node_.publisher.plan_time().last)
  );
  api::Event event;
  event.kind = "generation";
  event.what = "published";
  event.cause = std::to_string(moved) + " slots moved";
  event.generation = node_.publisher.generation();
  node_.happenings.tell(std::move(event));
}

// After publication: a packet of a new vip that reaches a worker finds its table.
void Reconciler::set_gate() {
  if (!node_.gate || gate_set_) return;
  std::vector<ebpf::ServedVip> vips = served_vips(node_.config);
  if (vips != gate_vips_ || vips.empty()) {
    const auto done = node_.gate->set_vips(vips);
    if (!done) {
      sys::log_error("gate keeps its old vips: " + done.error().what);
      return;
    }
    gate_vips_ = std::move(vips);
  }
  gate_set_ = true;
}

}  // namespace fairlead::control
