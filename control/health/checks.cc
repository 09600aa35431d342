// SPDX-License-Identifier: BSD-3-Clause
// The book of health checks.
#include "control/health/checks.hh"

#include <algorithm>

namespace fairlead::health {

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk:
      return "ok";
    case Outcome::kTimeout:
      return "timeout";
    case Outcome::kRefused:
      return "connection refused";
    case Outcome::kUnreachable:
      return "unreachable";
    case Outcome::kBadStatus:
      return "bad status";
    case Outcome::kBadReply:
      return "no reply of its protocol";
    case Outcome::kBadBody:
      return "unexpected answer";
    case Outcome::kNotServing:
      return "not serving";
    case Outcome::kBadTls:
      return "no TLS";
    case Outcome::kLocal:
      return "not probed: this host is out of sockets";
    case Outcome::kNoTunnel:
      return "not probed: no way to the tunnel";
  }
  return "unknown";
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
  for (const auto& [key, check] : checks_) {
    if (check.target.kind != model::ProbeKind::kHost) continue;
    std::vector<Key>& witnesses = witnesses_[key];
    witnesses = of_backend[key.second];
    const auto& same_address = of_address[check.target.address];
    witnesses.insert(witnesses.end(), same_address.begin(), same_address.end());
  }
}

const std::pair<const Checks::Key, Check>* Checks::speaker(const Key& key) const {
  const auto own = checks_.find(key);
  if (own == checks_.end()) return nullptr;
  const auto witnesses = witnesses_.find(key);
  if (witnesses == witnesses_.end() || witnesses->second.empty()) return &*own;
  const auto worth = [](State state) {
    return state == State::kUp ? 2 : state == State::kUnknown ? 1 : 0;
  };
  const std::pair<const Key, Check>* best = nullptr;
  for (const Key& witness : witnesses->second) {
    const auto& row = *checks_.find(witness);
    if (best == nullptr ||
        worth(row.second.dampener.state()) > worth(best->second.dampener.state())) {
      best = &row;
    }
  }
  return best;
}

Transition Checks::on_result(const ProbeResult& result) {
  const auto key = by_target_.find(result.target);
  if (key == by_target_.end()) return {};
  Check& check = checks_.at(key->second);
  check.last_result = std::string(to_string(result.outcome));
  if (result.status != 0) check.last_result += " " + std::to_string(result.status);
  check.tunnelled = result.tunnelled;
  if (result.outcome == Outcome::kLocal || result.outcome == Outcome::kNoTunnel)
    return {};  // says nothing about the backend
  const bool ok = result.outcome == Outcome::kOk;
  ++check.probes;
  if (ok) check.answered_ns = result.begun_ns;
  if (!ok) ++check.failures;
  check.last_rtt = result.ended_ns - result.begun_ns;
  if (!check.dampener.on_result(ok)) return {};
  check.last_change_ns = result.ended_ns;
  return Transition{
      key->second.first,
      key->second.second,
      check.dampener.state(),
      check.last_result,
      result.ended_ns};
}

State Checks::state(const std::string& vip, const std::string& backend) const {
  const auto* row = speaker(Key(vip, backend));
  return row == nullptr ? State::kUnknown : row->second.dampener.state();
}

std::string Checks::reason(const std::string& vip, const std::string& backend) const {
  const auto* row = speaker(Key(vip, backend));
  if (row == nullptr) return "not probed";
  const std::string& result = row->second.last_result;
  return row->first.first == vip ? result : "vip " + row->first.first + ": " + result;
}

std::map<std::string, base::Nanoseconds> Checks::answered(base::Nanoseconds now) const {
  std::map<std::string, base::Nanoseconds> out;
  for (const auto& [key, check] : checks_) {
    const Check& witness = speaker(key)->second;
    if (!witness.probed) continue;
    base::Nanoseconds& last = out.try_emplace(key.second, 0).first->second;
    last = std::max(last, witness.answered_ns);
  }
  for (const auto& [key, check] : checks_) out.try_emplace(key.second, now);
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
