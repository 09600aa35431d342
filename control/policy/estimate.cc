// SPDX-License-Identifier: BSD-3-Clause
// Windows of reports, and the capacity estimate by the utilisation law.
#include "control/policy/estimate.hh"

#include <algorithm>
#include <cmath>

namespace fairlead::policy {

namespace {

constexpr double kLeastUtilization = 0.005;  // below it X / u is mostly noise

/// Of the logarithm of C measured over n completions: standard deviation about 1.31 / sqrt(n) for
/// lognormal service times with sigma 1.
constexpr double kNoise = 1.31;
/// Standard deviations. Of a hundred backends, one jumps falsely every four seconds by three.
constexpr double kCertain = 4.0;
constexpr double kJump = 0.8;      // part of the way that a jump goes
constexpr double kOddFactor = 10;  // larger differences must be seen twice

// A backend that is asked for next to nothing shows nothing; what was measured before is then worth
// less from second to second.
constexpr double kAsked = 20;     // completions in a window
constexpr double kIdle = 0.1;     // utilisation
constexpr double kHopes = 1.07;   // a second, of the estimate, up to what was lost
constexpr double kForgets = 0.5;  // a second, of the completions in it, down to a window's
constexpr double kFades = 0.999;  // a second, of what was lost, down to the estimate

double seconds_of(base::Nanoseconds ns) {
  return static_cast<double>(ns) / static_cast<double>(base::kSecond);
}

void feed_capacity(const Parameters& parameters, double measured, double n, BackendState& s) {
  if (s.capacity <= 0) {
    s.capacity = measured;
    s.seen = n;
    return;
  }
  const double difference = std::log(measured / s.capacity);
  if (std::abs(difference) > std::log(kOddFactor) && ++s.odd_windows < 2) return;
  s.odd_windows = 0;
  if (std::abs(difference) * std::sqrt(n) / kNoise > kCertain) {
    if (measured < s.capacity) s.lost = std::max(s.lost, s.capacity);
    s.capacity += kJump * (measured - s.capacity);
    s.seen = n;
  } else {
    s.capacity += n / (std::min(s.seen, parameters.memory) + n) * (measured - s.capacity);
    s.seen += n;
  }
}

/// Who was slow once and gets nothing since would never be measured again: its estimate rises until
/// requests come and tell. Up to what it could do before, so slow backends of a pool do not rise.
void hope(const Parameters& parameters, double seconds, BackendState& s) {
  s.lost *= std::pow(kFades, seconds);
  if (s.lost <= s.capacity) s.lost = 0;
  if (s.lost <= 0 || s.window_done >= kAsked || s.utilization >= kIdle) return;
  s.capacity = std::min(s.lost, s.capacity * std::pow(kHopes, seconds));
  s.seen = std::max(
      std::min(s.seen, parameters.window_completions), s.seen * std::pow(kForgets, seconds)
  );
}

/// Usual value of active / utilisation: rises by 2 % of itself a second at most, falls by 20 %. Its
/// least value, which rises by 0.2 % only: queues lengthen `active`, so the least one is without.
void feed_stretch(double seconds, BackendState& s) {
  if (s.utilization < kLeastUtilization || s.active <= 0) return;
  const double ratio = s.active / s.utilization;
  if (s.stretch_base <= 0) {
    s.stretch_base = s.parallel = ratio;
    return;
  }
  s.parallel = std::clamp(
      ratio, s.parallel * std::pow(0.80, seconds), s.parallel * std::pow(1.002, seconds)
  );
  s.stretch_base = std::clamp(
      ratio, s.stretch_base * std::pow(0.80, seconds), s.stretch_base * std::pow(1.02, seconds)
  );
}

}  // namespace

bool believable(const Report& r) {
  const auto in = [](double value, double most) { return value >= 0 && value <= most; };  // NaN: no
  return in(r.cpu, 64) && in(r.application_utilization, 64) && in(r.requests_per_second, 1e7) &&
         in(r.errors_per_second, 1e7) && in(r.active, 1e7) && in(r.active_samples, 1e7) &&
         in(r.mean_latency_us, 1e9) && r.period <= 60 * base::kSecond &&
         r.errors_per_second <= r.requests_per_second + 1e-9;
}

void absorb(const Report& r, const Parameters& parameters, BackendState& s) {
  if (s.last_report != 0 && r.sequence == s.last_sequence) return;
  s.last_sequence = r.sequence;
  if (!believable(r)) {
    ++s.refused;
    return;
  }
  s.last_report = r.received_ns;
  const double seconds = seconds_of(r.period != 0 ? r.period : parameters.report_period);
  const double utilization = r.application_utilization > 0 ? r.application_utilization : r.cpu;
  s.window_seconds += seconds;
  s.window_samples += r.active_samples;
  s.window_done += (r.requests_per_second - r.errors_per_second) * seconds;
  s.window_errors += r.errors_per_second * seconds;
  s.window_busy += utilization * seconds;
  s.window_active += r.active * seconds;
  s.window_latency += r.mean_latency_us * r.requests_per_second * seconds;
}

void close_window(const Parameters& parameters, BackendState& s) {
  // Who is doubted gets little; two seconds of waiting for its few completions are load for others.
  const double longest = seconds_of(parameters.window_time) / (s.proven > 0 ? 2 : 1);
  const bool full = s.window_done >= parameters.window_completions || s.window_seconds >= longest;
  if (!full || s.window_seconds <= 0) return;
  s.rate = s.window_done / s.window_seconds;
  s.error_rate = s.window_errors / s.window_seconds;
  s.utilization = s.window_busy / s.window_seconds;
  s.active_before = s.active;
  s.active = s.window_active / s.window_seconds;
  s.active_samples = s.window_samples;
  if (s.window_latency > 0) {
    const double latency = s.window_latency / (s.window_done + s.window_errors);
    s.window_mean_latency_us = latency;
    s.latency_us = s.latency_us <= 0 ? latency : s.latency_us + 0.3 * (latency - s.latency_us);
  }
  if (s.window_done >= 1 && s.utilization >= kLeastUtilization)
    feed_capacity(parameters, s.rate / s.utilization, s.window_done, s);
  hope(parameters, s.window_seconds, s);
  feed_stretch(s.window_seconds, s);
  s.window_seconds = s.window_done = s.window_errors = 0;
  s.window_busy = s.window_active = s.window_latency = s.window_samples = 0;
}

std::uint32_t parallel_of(const BackendState& s) {
  if (!(s.parallel >= 0.5)) return 0;
  return static_cast<std::uint32_t>(std::lround(std::min<double>(s.parallel, kMostParallel)));
}

double median_positive(std::vector<double> values) {
  values.erase(
      std::remove_if(values.begin(), values.end(), [](double v) { return !(v > 0); }), values.end()
  );
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace fairlead::policy
