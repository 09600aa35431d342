// SPDX-License-Identifier: BSD-3-Clause
// Judging reports and folding them into windows.
#include "control/monitor/intake.hh"

#include <algorithm>
#include <cmath>
#include <utility>

namespace fairlead::monitor {
namespace {

constexpr double kMostCpu = 64;  // of all cores; above 1 only by borrowing
constexpr double kMostRate = 1e9;
constexpr double kMostActive = 1e7;
constexpr double kMostLatencyUs = 3.6e9;  // an hour
constexpr std::uint64_t kMostPeriodUs = 3'600'000'000;
constexpr std::uint64_t kLeastStaleUs = 3'000'000;
constexpr std::uint64_t kFutureUs = 5'000'000;  // clocks of one site differ by less
constexpr double kJump = 32;
constexpr unsigned kJumpsUntilBelieved = 3;
constexpr double kSlow = 0.05;  // weight of a new value in the usual ones

std::array<double, 8> fields(const LoadReport& r) {
  return {
      r.cpu,
      r.memory,
      r.application,
      r.requests_per_second,
      r.errors_per_second,
      r.active,
      r.capacity,
      r.latency_us};
}

bool out_of_range(const LoadReport& r) {
  return r.cpu > kMostCpu || r.memory > 1.5 || r.application > kMostCpu ||
         r.requests_per_second > kMostRate || r.errors_per_second > kMostRate ||
         r.active > kMostActive || r.capacity > kMostActive || r.latency_us > kMostLatencyUs;
}

double mixed(double old, double old_share, double fresh, double fresh_share) {
  const double all = old_share + fresh_share;
  return all <= 0 ? fresh : (old * old_share + fresh * fresh_share) / all;
}

}  // namespace

std::string_view to_string(Origin origin) {
  static constexpr std::string_view kNames[] = {
#define FL_ORIGIN_NAME(e, n) n,
      FL_REPORT_ORIGINS(FL_ORIGIN_NAME)
#undef FL_ORIGIN_NAME
  };
  return kNames[static_cast<std::size_t>(origin)];
}

std::string_view to_string(Refusal refusal) {
  static constexpr std::string_view kNames[] = {
#define FL_REFUSAL_NAME(e, n) n,
      FL_INTAKE_REFUSALS(FL_REFUSAL_NAME)
#undef FL_REFUSAL_NAME
  };
  return kNames[static_cast<std::size_t>(refusal)];
}

void Intake::set_backends(const std::vector<std::string>& ids) {
  std::map<std::string, Source> next;
  for (const std::string& id : ids) {
    const auto old = sources_.find(id);
    next.emplace(id, old == sources_.end() ? Source{} : old->second);
  }
  sources_ = std::move(next);
}

Refusal Intake::accept(const LoadReport& report, base::Nanoseconds now, std::uint64_t wall_us) {
  Source* source = nullptr;
  const Refusal refusal = judge(report, source, wall_us);
  const auto origin = static_cast<std::size_t>(report.origin);
  if (refusal != Refusal::kNone) {
    ++refused_[static_cast<std::size_t>(refusal)];
    if (source != nullptr) {
      source->lines[origin].health.last_refusal = refusal;
      ++source->lines[origin].health.refused;
    }
    return refusal;
  }
  ++accepted_;
  Source::Line& line = source->lines[origin];
  const bool restarted = report.sequence <= 1 || report.sequence < line.sequence;
  ++line.health.accepted;
  line.health.heard_ns = now;
  line.sequence = report.sequence;
  line.completed = report.completed;
  if (source->left && restarted && report.origin == Origin::kAgent) {
    source->left = false;
    membership_changed_ = true;
  }
  fold(report, *source, now);
  return Refusal::kNone;
}

Refusal Intake::judge(const LoadReport& r, Source*& source, std::uint64_t wall_us) {
  const auto found = sources_.find(r.backend_id);
  if (found == sources_.end()) return Refusal::kUnknownBackend;
  source = &found->second;
  const auto values = fields(r);
  const auto finite = [](double v) { return std::isfinite(v); };
  if (!std::all_of(values.begin(), values.end(), finite)) return Refusal::kNotFinite;
  if (std::any_of(values.begin(), values.end(), [](double v) { return v < 0; })) {
    return Refusal::kNegative;
  }
  if (out_of_range(r)) return Refusal::kOutOfRange;
  if (r.period_us == 0 || r.period_us > kMostPeriodUs) return Refusal::kNoPeriod;
  if (r.timestamp_us > wall_us + kFutureUs) return Refusal::kFromFuture;
  if (r.timestamp_us + std::max(3 * r.period_us, kLeastStaleUs) < wall_us) return Refusal::kStale;
  if (!source->heard) return Refusal::kNone;
  const Source::Line& line = source->lines[static_cast<std::size_t>(r.origin)];
  if (line.health.heard_ns == 0) return jumps(r, *source) ? Refusal::kJump : Refusal::kNone;
  if (r.sequence == line.sequence && r.sequence != 1) return Refusal::kDuplicate;
  const bool restarted = r.sequence <= 1;
  if (r.sequence == line.sequence && r.completed == line.completed) return Refusal::kDuplicate;
  if (!restarted && r.sequence < line.sequence)
    return starts_again(r, *source) ? Refusal::kNone : Refusal::kSequenceBack;
  if (!restarted && r.completed < line.completed) return Refusal::kCounterBack;
  return jumps(r, *source) ? Refusal::kJump : Refusal::kNone;
}

// An agent that was started again while nobody heard its first report: its numbers are lower, and
// rise. What is sent twice or late does not go on like that.
bool Intake::starts_again(const LoadReport& r, Source& source) {
  source.backward = r.sequence > source.backward_sequence ? source.backward + 1 : 1;
  source.backward_sequence = r.sequence;
  if (source.backward < kJumpsUntilBelieved) return false;
  source.backward = 0;
  source.backward_sequence = 0;
  return true;
}

// A value far from the usual is an error of measurement, unless it stays.
bool Intake::jumps(const LoadReport& r, Source& source) {
  const bool latency = source.usual_latency > 0 && r.latency_us > 10'000 &&
                       r.latency_us > kJump * source.usual_latency;
  const bool active = r.active > kJump * source.usual_active + 1000;
  if (!latency && !active) {
    source.jumps = 0;
    return false;
  }
  if (++source.jumps < kJumpsUntilBelieved) return true;
  source.jumps = 0;
  source.usual_latency = r.latency_us;
  source.usual_active = r.active;
  return false;
}

void Intake::fold(const LoadReport& r, Source& source, base::Nanoseconds now) {
  Measurement& w = source.window;
  const auto period = static_cast<double>(r.period_us) / 1e6;
  const bool begin = source.fresh_window;
  const double before = begin ? 0 : static_cast<double>(w.period) / 1e9;
  const auto mean = [&](double& mine, double value) { mine = mixed(mine, before, value, period); };
  const double requests_before = begin ? 0 : w.requests_per_second * before;
  if (r.latency_us > 0) {
    w.latency_us =
        mixed(w.latency_us, requests_before, r.latency_us, r.requests_per_second * period);
    source.usual_latency =
        source.usual_latency <= 0
            ? r.latency_us
            : source.usual_latency + kSlow * (r.latency_us - source.usual_latency);
  } else if (begin) {
    w.latency_us = 0;
  }
  source.totals.requests += r.requests_per_second * period;
  source.totals.errors += r.errors_per_second * period;
  const auto told = [&](std::uint32_t what, double& mine, double value) {
    if (begin) mine = 0;
    if ((r.untold & what) != 0) return;
    if (begin || (w.untold & what) != 0) mine = value;
    mean(mine, value);
  };
  told(kCpuUntold, w.cpu, r.cpu);
  told(kMemoryUntold, w.memory, r.memory);
  told(kActiveUntold, w.active, r.active);
  w.untold = begin ? r.untold : w.untold & r.untold;
  mean(w.application, r.application);
  mean(w.requests_per_second, r.requests_per_second);
  mean(w.errors_per_second, r.errors_per_second);
  source.usual_active =
      source.heard ? source.usual_active + kSlow * (r.active - source.usual_active) : r.active;
  w.period = (begin ? 0 : w.period) + r.period_us * base::kMicrosecond;
  w.capacity = static_cast<std::uint32_t>(r.capacity);
  w.completed = r.completed;
  w.sequence = r.sequence;
  w.received_ns = now;
  if (source.recent.size() >= kMostRecent) source.recent.erase(source.recent.begin());
  source.recent.push_back({r, now});
  if (!r.tunnel.empty()) source.tunnel = std::move(source.recent.back().report.tunnel);
  source.heard = true;
  source.fresh_window = false;
}

bool Intake::leave(const std::string& id) {
  const auto found = sources_.find(id);
  if (found == sources_.end()) return false;
  membership_changed_ = membership_changed_ || !found->second.left;
  found->second.left = true;
  return true;
}

bool Intake::come_back(const std::string& id) {
  if (!has_left(id)) return false;
  sources_.at(id).left = false;
  membership_changed_ = true;
  return true;
}

bool Intake::has_left(const std::string& id) const {
  const auto found = sources_.find(id);
  return found != sources_.end() && found->second.left;
}

std::map<std::string, std::uint64_t> Intake::tunnel(const std::string& id) const {
  const auto found = sources_.find(id);
  return found == sources_.end() ? std::map<std::string, std::uint64_t>() : found->second.tunnel;
}

std::vector<Received> Intake::take_reports(const std::string& id) {
  const auto found = sources_.find(id);
  if (found == sources_.end()) return {};
  found->second.fresh_window = true;
  return std::exchange(found->second.recent, {});
}

std::optional<Measurement> Intake::peek(const std::string& id) const {
  const auto found = sources_.find(id);
  if (found == sources_.end() || !found->second.heard) return std::nullopt;
  return found->second.window;
}

std::vector<Intake::OriginHealth> Intake::origins(const std::string& id) const {
  std::vector<OriginHealth> out;
  const auto found = sources_.find(id);
  if (found == sources_.end()) return out;
  for (std::size_t i = 0; i < kOrigins; ++i) {
    OriginHealth health = found->second.lines[i].health;
    health.origin = static_cast<Origin>(i);
    if (health.accepted + health.refused > 0) out.push_back(health);
  }
  return out;
}

std::uint64_t Intake::next_sequence(const std::string& id) const {
  const auto found = sources_.find(id);
  if (found == sources_.end()) return 1;
  return found->second.lines[static_cast<std::size_t>(Origin::kPush)].sequence + 1;
}

Intake::Totals Intake::totals(const std::string& id) const {
  const auto found = sources_.find(id);
  return found == sources_.end() ? Totals{} : found->second.totals;
}

std::size_t Intake::reporting(base::Nanoseconds now, base::Nanoseconds age) const {
  std::size_t count = 0;
  for (const auto& [id, source] : sources_) {
    if (source.heard && now < source.window.received_ns + age) ++count;
  }
  return count;
}

bool Intake::take_membership_change() {
  const bool changed = membership_changed_;
  membership_changed_ = false;
  return changed;
}

}  // namespace fairlead::monitor
