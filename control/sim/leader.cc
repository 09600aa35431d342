// SPDX-License-Identifier: BSD-3-Clause
// Reports, policy, health.
#include "control/sim/leader.hh"

#include <algorithm>
#include <cmath>

namespace fairlead::sim {

namespace {

constexpr const char* kPool = "vip";
/// Seconds between two counts of active requests by an agent: what a window's mean is of.
constexpr double kAgentPeriod = 0.1;

// Times of policies begin at 1 s: 0 means "never" there.
base::Nanoseconds clock_of(Time now) {
  return base::kSecond + static_cast<base::Nanoseconds>(now);
}

}  // namespace

Leader::Leader(const Setup& setup)
    : setup_(&setup),
      loss_(draws(setup.seed, StreamName::kReportLoss)),
      reports_(setup.backends.size()),
      report_factor_(setup.backends.size(), 1.0),
      dampeners_(
          setup.backends.size(),
          health::Dampener(setup.health.rise, setup.health.fall, health::State::kUp)
      ),
      member_(setup.backends.size(), 1),
      told_down_(setup.backends.size(), 0) {
  state_.trainer = setup.trainer;
  pool_.policy = setup.policy.weights;
  pool_.parameters = setup.policy.parameters;
  pool_.parameters.choices = setup.policy.choices;
  pool_.parameters.report_period = static_cast<base::Nanoseconds>(setup.monitoring.interval);
  pool_.parameters.stale_after = std::max<base::Nanoseconds>(
      pool_.parameters.stale_after, static_cast<base::Nanoseconds>(3 * setup.monitoring.interval)
  );
  for (std::size_t b = 0; b < setup.backends.size(); ++b) {
    pool_.backends.push_back({setup.backends[b].id, setup.backends[b].weight, 0, true});
    member_[b] = setup.backends[b].present ? 1 : 0;
  }
  const auto lies = draws(setup.seed, StreamName::kLies);
  for (std::size_t b = 0; b < setup.backends.size(); ++b)
    if (lies.uniform(b) < setup.monitoring.lies) report_factor_[b] = 0.1;
}

void Leader::snapshot(
    std::vector<BackendModel>& backends, const std::vector<std::uint8_t>& up, Time now
) {
  const double seconds = static_cast<double>(setup_->monitoring.interval) * 1e-9;
  for (std::size_t b = 0; b < backends.size(); ++b) {
    const Window window = backends[b].take_window(now);
    const bool lost =
        loss_.uniform(snapshots_ * backends.size() + b) < setup_->monitoring.report_loss;
    if (up[b] == 0 || member_[b] == 0 || lost) continue;
    policy::Report report;
    report.received_ns = clock_of(now + setup_->monitoring.delay);
    report.sequence = snapshots_ + 1;
    report.cpu = window.busy / seconds / backends[b].spec().cores * report_factor_[b];
    report.requests_per_second = static_cast<double>(window.done) / seconds;
    report.active = window.active / seconds;
    report.active_samples = std::max(seconds / kAgentPeriod, 1.0);
    if (window.done > 0)
      report.mean_latency_us = window.latency / static_cast<double>(window.done) * 1e6;
    report.period = static_cast<base::Nanoseconds>(setup_->monitoring.interval);
    reports_[b].push_back(report);
  }
  ++snapshots_;
}

Shipment Leader::turn(
    const std::vector<BackendModel>& backends, std::span<const std::uint32_t> open, Time now
) {
  policy::Observations observed;
  observed.now = clock_of(now);
  for (std::size_t b = 0; b < reports_.size(); ++b) {
    observed.backends.push_back({std::move(reports_[b]), static_cast<double>(open[b])});
    reports_[b].clear();
    pool_.backends[b].usable = usable(static_cast<std::uint32_t>(b)) != 0;
  }
  const auto dt = static_cast<base::Nanoseconds>(now - last_turn_);
  last_turn_ = now;
  policy::DecisionLog* log = setup_->decision_log;
  if (log != nullptr) log->begin(kPool, state_);
  policy::Weights weights = policy::update(pool_, observed, state_, dt);
  if (log != nullptr) log->end(kPool, pool_, observed, dt, weights, state_);
  const auto in_force = [&](std::size_t b) { return last_.empty() ? 0U : last_[b].weight; };
  policy::hold_to_rails(setup_->rails, pool_, in_force, observed.now, rails_, weights);
  last_ = std::move(weights.backends);
  if (setup_->policy.true_weights) {
    double sum = 0;
    for (const auto& b : backends) sum += b.spec().cores * b.speed();
    for (std::size_t b = 0; b < backends.size(); ++b) {
      const double share = backends[b].spec().cores * backends[b].speed() / sum;
      const double weight = 1000 * share * static_cast<double>(backends.size());
      last_[b].weight = static_cast<std::uint32_t>(std::clamp(weight, 1.0, 10000.0));
      last_[b].inverse_weight = policy::score_inverse_weight(weight);
    }
  }
  return health_only();
}

Shipment Leader::health_only() {
  return {last_, usable_all()};
}

bool Leader::probe(const std::vector<std::uint8_t>& up) {
  bool changed = false;
  for (std::size_t b = 0; b < dampeners_.size(); ++b)
    changed = dampeners_[b].on_result(up[b] != 0) || changed;
  return changed;
}

bool Leader::report(const FileReport& file, std::uint32_t b, Time now) {
  const std::uint8_t was = usable(b);
  told_down_[b] = file.down ? 1 : 0;
  member_[b] = file.removed ? 0 : 1;
  if (file.capacity > 0) pool_.backends[b].capacity = static_cast<std::uint32_t>(file.capacity);
  if (!file.down && !file.removed && (file.cpu >= 0 || file.active >= 0 || file.latency_us >= 0)) {
    policy::Report report;
    report.received_ns = clock_of(now);
    report.sequence = static_cast<std::uint64_t>(now) + 1;
    report.cpu = std::max(file.cpu, 0.0);
    report.active = std::max(file.active, 0.0);
    report.mean_latency_us = std::max(file.latency_us, 0.0);
    // Not in the file; by Little's law what is active and how long it takes give it.
    if (file.latency_us > 0) report.requests_per_second = report.active / file.latency_us * 1e6;
    report.period = static_cast<base::Nanoseconds>(setup_->monitoring.interval);
    reports_[b].push_back(report);
  }
  return usable(b) != was;
}

std::uint8_t Leader::usable(std::uint32_t b) const {
  const bool up = dampeners_[b].state() == health::State::kUp;
  return up && member_[b] != 0 && told_down_[b] == 0 ? 1 : 0;
}

std::vector<std::uint8_t> Leader::usable_all() const {
  std::vector<std::uint8_t> result(member_.size());
  std::size_t up = 0;
  std::size_t members = 0;
  for (std::uint32_t b = 0; b < result.size(); ++b) {
    result[b] = usable(b);
    up += result[b];
    members += member_[b];
  }
  return health::fails_open(up, members, setup_->health.min_healthy_pct) ? member_ : result;
}

}  // namespace fairlead::sim
