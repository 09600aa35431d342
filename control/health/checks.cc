// SPDX-License-Identifier: BSD-3-Clause
// The book of health checks.
#include "control/health/checks.hh"

#include <algorithm>

namespace fairlead::health {
namespace {

// A completed handshake speaks for a backend so long.
constexpr base::Nanoseconds kAnsweringFor = 2 * base::kSecond;
// A fall is in doubt for at least so long: a host that was starved, a cable that was pulled and put
// back, take a second or two.
constexpr base::Nanoseconds kLeastDoubt = 3 * base::kSecond;

/// Until it could have come up again: `rise` probes in a row, and one that was under way.
base::Nanoseconds doubt_of(const model::Health& health) {
  const std::uint64_t probes = (health.rise + 1ULL) * health.interval_ms + health.timeout_ms;
  return std::max(kLeastDoubt, probes * base::kMillisecond);
}

}  // namespace

std::string_view to_string(Outcome outcome) {
  static constexpr std::string_view kNames[] = {
#define FL_OUTCOME_NAME(e, n) n,
      FL_PROBE_OUTCOMES(FL_OUTCOME_NAME)
#undef FL_OUTCOME_NAME
  };
  return kNames[static_cast<std::size_t>(outcome)];
}

Check Checks::make(const model::Vip& vip, const model::Backend& backend, base::Nanoseconds now) {
  Check check;
  check.target.id = next_target_++;
  check.target.kind = vip.health.kind;
  check.target.address = backend.address;
  check.target.port = backend.health_port.value_or(vip.port);
  if (vip.health.via == model::ProbeVia::kTunnel && vip.encapsulation != model::Encapsulation::kL2)
    check.target.tunnel = Envelope{vip.encapsulation, vip.prefix.address, backend.address};
  check.tunnelled = check.target.tunnel.has_value();
  check.target.talk = vip.health.talk;
  check.target.host = vip.prefix.address.to_string();
  check.target.interval = vip.health.interval_ms * base::kMillisecond;
  check.target.timeout = vip.health.timeout_ms * base::kMillisecond;
  check.probed = model::probes(vip.health.kind) && check.target.port != 0;
  if (!check.probed) check.last_result = "not probed";
  check.last_change_ns = now;
  check.rules = {
      vip.health.quorum, vip.health.flap_limit, vip.health.flap_half_life_ms * base::kMillisecond};
  check.slow_start = vip.health.slow_start_ms * base::kMillisecond;
  check.doubt = doubt_of(vip.health);
  return check;
}

void Checks::adopt(std::map<Key, Check> next) {
  checks_ = std::move(next);
  by_target_.clear();
  for (const auto& [key, check] : checks_) by_target_.emplace(check.target.id, key);
  std::map<std::string, std::vector<Key>> of_backend;
  std::map<net::IpAddr, std::vector<Key>> of_address;
  for (const auto& [key, check] : checks_) {
    if (!check.probed) continue;
    of_backend[key.second].push_back(key);
    of_address[check.target.address].push_back(key);
  }
  witnesses_.clear();
  dependents_.clear();
  std::erase_if(doubted_, [&](const auto& row) { return checks_.count(row.first) == 0; });
  for (auto at = growing_.begin(); at != growing_.end();)
    at = checks_.count(*at) == 0 ? growing_.erase(at) : std::next(at);
  for (const auto& [key, check] : checks_) {
    if (check.target.kind != model::ProbeKind::kHost) continue;
    std::vector<Key>& witnesses = witnesses_[key];
    witnesses = of_backend[key.second];
    const auto& same_address = of_address[check.target.address];
    witnesses.insert(witnesses.end(), same_address.begin(), same_address.end());
    for (const Key& witness : witnesses) dependents_[witness].push_back(key);
  }
  index();
}

void Checks::index() {
  restless_.clear();
  answers_.clear();
  standings_.resize(checks_.size());
  std::uint32_t slot = 0;
  for (Row& row : checks_) {
    auto& [key, check] = row;
    check.slot = slot++;
    stand(row);
    if (restless(check)) restless_.push_back(&row);
    answers_[key.second].probed |= speaker(row).second.probed;
  }
  for (const auto& [key, check] : checks_) note_answer(key, check.answered_ns);
}

bool Checks::restless(const Check& check) {
  return check.rules.quorum != model::Quorum::kProbe || check.rules.flap_limit != 0 ||
         check.judge.because() == Because::kFlapping;
}

void Checks::stand(const Row& row) {
  const auto& [key, check] = row;
  standings_[check.slot] = {
      check.judge.state(),
      static_cast<std::uint8_t>(check.share_pct),
      ordered_down(key.first, key.second),
      in_doubt(key.first, key.second)};
}

void Checks::touch(const Key& key) {
  const auto row = checks_.find(key);
  if (row == checks_.end()) return;
  touched_.insert(key);
  stand(*row);
}

void Checks::note_answer(const Key& key, base::Nanoseconds begun) {
  const auto note = [&](const std::string& backend) {
    base::Nanoseconds& last = answers_[backend].last;
    last = std::max(last, begun);
  };
  note(key.second);
  if (dependents_.empty()) return;
  if (const auto others = dependents_.find(key); others != dependents_.end())
    for (const Key& other : others->second) note(other.second);
}

void Checks::set_outliers(std::set<Key> outliers) {
  if (outliers == outliers_) return;
  outliers_.swap(outliers);
  for (const Key& key : outliers) touch(key);  // those before
  for (const Key& key : outliers_) touch(key);
}

void Checks::set_orders(std::map<Key, Order> orders) {
  if (orders == orders_) return;
  orders_.swap(orders);
  for (const auto& [key, order] : orders) touch(key);  // those before
  for (const auto& [key, order] : orders_) touch(key);
}

std::optional<std::uint32_t> Checks::slot(const std::string& vip, const std::string& backend)
    const {
  const auto check = checks_.find({vip, backend});
  if (check == checks_.end()) return std::nullopt;
  return check->second.slot;
}

const Checks::Row& Checks::speaker(const Row& own) const {
  if (witnesses_.empty()) return own;
  const auto witnesses = witnesses_.find(own.first);
  if (witnesses == witnesses_.end() || witnesses->second.empty()) return own;
  const auto worth = [](State state) {
    return state == State::kUp ? 2 : state == State::kUnknown ? 1 : 0;
  };
  const Row* best = nullptr;
  for (const Key& witness : witnesses->second) {
    const auto& row = *checks_.find(witness);
    if (best == nullptr ||
        worth(row.second.dampener.state()) > worth(best->second.dampener.state())) {
      best = &row;
    }
  }
  return *best;
}

std::vector<Transition> Checks::on_result(const ProbeResult& result) {
  const auto target = by_target_.find(result.target);
  if (target == by_target_.end()) return {};
  Row& row = *checks_.find(target->second);
  const Key& key = row.first;
  Check& check = row.second;
  check.last_result = std::string(to_string(result.outcome));
  if (result.status != 0) check.last_result += " " + std::to_string(result.status);
  check.tunnelled = result.tunnelled;
  if (result.outcome == Outcome::kLocal || result.outcome == Outcome::kNoTunnel)
    return {};  // says nothing about the backend
  // Nor does this host's own loss of its network: a node that held all backends for dead when its
  // cable is back would give their connections to others. Who never answered is down all the same.
  if (result.outcome == Outcome::kNoRoute && check.dampener.state() == State::kUp) return {};
  const bool ok = result.outcome == Outcome::kOk;
  ++check.probes;
  if (ok) {
    check.answered_ns = result.begun_ns;
    note_answer(key, result.begun_ns);
  }
  if (!ok) ++check.failures;
  check.last_rtt = result.ended_ns - result.begun_ns;
  if (const auto traffic = traffic_.find(key.second); traffic != traffic_.end()) {
    Traffic& t = traffic->second;
    t.good = ok ? t.good + 1 : 0;
    if (t.good >= check.dampener.rise()) t.ejected = false;
  }
  const bool told = check.dampener.on_result(ok);
  std::vector<Transition> changes;
  settle_one(row, result.ended_ns, changes);
  if (!told) return changes;
  if (const auto others = dependents_.find(key); others != dependents_.end()) {
    for (const Key& other : others->second)
      settle_one(*checks_.find(other), result.ended_ns, changes);
  }
  return changes;
}

void Checks::on_traffic(
    const std::string& backend,
    std::uint64_t completed,
    std::uint64_t ejections,
    base::Nanoseconds now
) {
  const auto [record, fresh] = traffic_.try_emplace(backend);
  Traffic& t = record->second;
  // Counters that fell are those of another data plane.
  if (!fresh && completed > t.completed) t.answered = now;
  if (!fresh && ejections > t.ejections) {
    t.ejected = true;
    t.good = 0;
  }
  t.completed = completed;
  t.ejections = ejections;
}

Evidence Checks::evidence(const Row& row, base::Nanoseconds now) const {
  const Key& key = row.first;
  Evidence out;
  const Check& speaks = speaker(row).second;
  out.probes = speaks.dampener.state();
  out.probed = speaks.probed;
  if (const auto traffic = traffic_.find(key.second); traffic != traffic_.end()) {
    out.answering = traffic->second.answered != 0 && now < traffic->second.answered + kAnsweringFor;
    out.ejected = traffic->second.ejected;
  }
  out.outlier = outliers_.count(key) != 0;
  if (const auto order = orders_.find(key); order != orders_.end()) out.order = order->second.up;
  return out;
}

void Checks::settle_one(Row& row, base::Nanoseconds now, std::vector<Transition>& changes) {
  auto& [key, check] = row;
  const auto change = check.judge.weigh(evidence(row, now), check.rules, now);
  if (!change) return;
  check.last_change_ns = now;
  growing_.erase(key);
  doubted_.erase(key);
  if (change->to == State::kDown && change->from == State::kUp &&
      change->because == Because::kProbe)
    doubted_.emplace(key, now + check.doubt);
  check.share_pct = 100;
  const bool proven_late = change->from == State::kDown || check.joined;
  if (change->to == State::kUp && check.slow_start != 0 && proven_late) {
    check.up_since = now;
    check.share_pct = slow_start_pct(0, check.slow_start);
    growing_.insert(key);
  }
  stand(row);
  changes.push_back(transition(row, change->from, now));
}

Transition Checks::transition(const Row& row, State from, base::Nanoseconds now) const {
  const auto& [key, check] = row;
  return {
      key.first,
      key.second,
      from,
      check.judge.state(),
      check.judge.because(),
      reason(key.first, key.second),
      now};
}

std::vector<Transition> Checks::settle(base::Nanoseconds now) {
  std::vector<Transition> changes;
  for (Row* row : restless_) settle_one(*row, now, changes);
  for (const Key& key : touched_) {
    const auto row = checks_.find(key);
    if (row != checks_.end()) settle_one(*row, now, changes);
  }
  touched_.clear();
  return changes;
}

std::vector<Transition> Checks::settle_all(
    const std::map<Key, State>& before, base::Nanoseconds now
) {
  std::vector<Transition> steps;  // of checks that were begun anew; what counts is what they were
  for (Row& row : checks_) settle_one(row, now, steps);
  std::vector<Transition> changes;
  for (const Row& row : checks_) {
    const State was = before.at(row.first);
    if (was != row.second.judge.state()) changes.push_back(transition(row, was, now));
  }
  return changes;
}

bool Checks::grow(base::Nanoseconds now) {
  bool changed = false;
  for (auto at = growing_.begin(); at != growing_.end();) {
    Row& row = *checks_.find(*at);
    Check& check = row.second;
    const std::uint32_t before = check.share_pct;
    check.share_pct = slow_start_pct(now - check.up_since, check.slow_start);
    changed = changed || check.share_pct != before;
    stand(row);
    at = check.share_pct == 100 ? growing_.erase(at) : std::next(at);
  }
  return changed;
}

bool Checks::end_doubts(base::Nanoseconds now) {
  bool ended = false;
  for (auto at = doubted_.begin(); at != doubted_.end();) {
    if (now < at->second) {
      ++at;
      continue;
    }
    const Key key = at->first;
    at = doubted_.erase(at);
    stand(*checks_.find(key));
    ended = true;
  }
  return ended;
}

bool Checks::in_doubt(const std::string& vip, const std::string& backend) const {
  return !doubted_.empty() && doubted_.count({vip, backend}) != 0;
}

std::uint32_t Checks::share_pct(const std::string& vip, const std::string& backend) const {
  if (growing_.empty()) return 100;
  const auto check = checks_.find({vip, backend});
  return check == checks_.end() ? 100 : check->second.share_pct;
}

bool Checks::ordered_down(const std::string& vip, const std::string& backend) const {
  const auto order = orders_.find({vip, backend});
  return order != orders_.end() && !order->second.up;
}

State Checks::state(const std::string& vip, const std::string& backend) const {
  const auto check = checks_.find({vip, backend});
  return check == checks_.end() ? State::kUnknown : check->second.judge.state();
}

std::string Checks::reason(const std::string& vip, const std::string& backend) const {
  const auto own = checks_.find({vip, backend});
  if (own == checks_.end()) return "not probed";
  const auto& [key, check] = speaker(*own);
  const std::string& result = check.last_result;
  const std::string probes = key.first == vip ? result : "vip " + key.first + ": " + result;
  const Judge& judge = own->second.judge;
  switch (judge.because()) {
    case Because::kTraffic:
      return judge.state() == State::kUp ? "clients' handshakes complete, probes: " + probes
                                         : "ejected by workers";
    case Because::kOutlier:
      return "fails far more often than its pool";
    case Because::kFlapping:
      return "flapping, probes: " + probes;
    case Because::kOperator:
      return "set by an operator, probes: " + probes;
    default:
      return probes;
  }
}

std::map<std::string, base::Nanoseconds> Checks::answered(base::Nanoseconds now) const {
  std::map<std::string, base::Nanoseconds> out;
  for (const auto& [id, answer] : answers_)
    out.emplace_hint(out.end(), id, answer.probed ? answer.last : now);
  return out;
}

std::vector<Target> Checks::targets() const {
  std::vector<Target> out;
  for (const auto& [key, check] : checks_) {
    if (check.probed) out.push_back(check.target);
  }
  return out;
}

std::size_t Checks::pending() const {
  std::size_t count = 0;
  for (const auto& [key, check] : checks_) {
    if (check.dampener.state() == State::kUnknown) ++count;
  }
  return count;
}

}  // namespace fairlead::health
