// SPDX-License-Identifier: BSD-3-Clause
#include "tests/lab/service_model.hh"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace fairlead::lab {
namespace {

constexpr std::int64_t kTickNs = 100'000'000;  // drift and load window move in these steps
constexpr std::size_t kWindowTicks = 5;
constexpr double kMemoryBase = 0.2;
constexpr double kSlowest = 0.01;  // a speed of 0 would never complete

}  // namespace

ServiceModel::ServiceModel(const ServiceSettings& settings, std::int64_t now_ns)
    : settings_(settings),
      effective_speed_(std::max(settings.speed, kSlowest)),
      random_(settings.seed),
      begun_ns_(now_ns),
      next_tick_ns_(now_ns + kTickNs) {
  now_.at_ns = now_ns;
  window_.push_back(now_);
}

double ServiceModel::draw_work_ns() {
  const double mean_ns = settings_.mean_ms * 1e6;
  switch (settings_.distribution) {
    case Distribution::kConstant:
      return mean_ns;
    case Distribution::kExponential:
      return std::exponential_distribution<double>(1.0 / mean_ns)(random_);
    case Distribution::kLognormal: {
      // The mean of a lognormal is exp(mu + sigma^2 / 2): mu is chosen so that it is mean_ns.
      const double mu = std::log(mean_ns) - settings_.sigma * settings_.sigma / 2.0;
      return std::lognormal_distribution<double>(mu, settings_.sigma)(random_);
    }
  }
  return mean_ns;
}

bool ServiceModel::offer(std::uint64_t token, std::int64_t now_ns) {
  if (waiting_.size() + serving_.size() >= settings_.capacity) {
    ++now_.rejected;
    return false;
  }
  const Waiting request{token, now_ns, draw_work_ns()};
  if (serving_.size() < settings_.cores) {
    start(request, now_ns);
  } else {
    waiting_.push_back(request);
  }
  return true;
}

void ServiceModel::start(const Waiting& request, std::int64_t now_ns) {
  account_busy(now_ns);
  const auto service_ns = static_cast<std::int64_t>(request.work_ns / effective_speed_);
  serving_.push_back({request.token, request.arrived_ns, now_ns, now_ns + service_ns});
}

void ServiceModel::cancel(std::uint64_t token) {
  std::erase_if(waiting_, [token](const Waiting& w) { return w.token == token; });
}

std::optional<std::int64_t> ServiceModel::next_event() const {
  std::int64_t next = next_tick_ns_;
  for (const Serving& s : serving_) next = std::min(next, s.done_ns);
  return next;
}

void ServiceModel::advance(std::int64_t now_ns, const OnComplete& on_complete) {
  while (true) {
    const auto first =
        std::min_element(serving_.begin(), serving_.end(), [](const Serving& a, const Serving& b) {
          return a.done_ns < b.done_ns;
        });
    const std::int64_t done_ns = first == serving_.end() ? INT64_MAX : first->done_ns;
    if (std::min(done_ns, next_tick_ns_) > now_ns) break;
    if (next_tick_ns_ <= done_ns) {
      tick(next_tick_ns_);
      continue;
    }
    account_busy(done_ns);
    const Serving done = *first;
    serving_.erase(first);
    ++now_.completed;
    now_.latency_us_sum += static_cast<double>(done_ns - done.arrived_ns) / 1e3;
    // The next one begins when its predecessor ended, however late we were woken.
    if (!waiting_.empty()) {
      start(waiting_.front(), done_ns);
      waiting_.pop_front();
    }
    on_complete(done.token, done.started_ns, done_ns);
  }
}

void ServiceModel::account_busy(std::int64_t now_ns) {
  if (now_ns <= now_.at_ns) return;
  now_.busy_core_ns +=
      static_cast<double>(now_ns - now_.at_ns) * static_cast<double>(serving_.size());
  now_.at_ns = now_ns;
}

void ServiceModel::tick(std::int64_t now_ns) {
  account_busy(now_ns);
  window_.push_back(now_);
  if (window_.size() > kWindowTicks + 1) window_.pop_front();
  next_tick_ns_ += kTickNs;
  const double turns = static_cast<double>(now_ns - begun_ns_) / 1e9 / settings_.drift_period_s +
                       settings_.drift_phase;
  const double swing = settings_.drift_amplitude * std::sin(2.0 * std::numbers::pi * turns);
  apply_speed(std::max(settings_.speed * (1.0 + swing), kSlowest), now_ns);
}

void ServiceModel::apply_speed(double effective, std::int64_t now_ns) {
  if (effective == effective_speed_) return;
  const double stretch = effective_speed_ / effective;
  for (Serving& s : serving_) {
    const auto left_ns = static_cast<double>(std::max<std::int64_t>(s.done_ns - now_ns, 0));
    s.done_ns = now_ns + static_cast<std::int64_t>(left_ns * stretch);
  }
  effective_speed_ = effective;
}

void ServiceModel::set_speed(double speed, std::int64_t now_ns) {
  const double swing = effective_speed_ / std::max(settings_.speed, kSlowest);
  settings_.speed = std::max(speed, kSlowest);
  apply_speed(std::max(settings_.speed * swing, kSlowest), now_ns);
}

ServiceLoad ServiceModel::load() const {
  const Sample& from = window_.front();
  const Sample& to = window_.back();
  ServiceLoad load;
  load.active = static_cast<std::uint32_t>(waiting_.size() + serving_.size());
  load.completed = now_.completed;
  load.rejected = now_.rejected;
  const double occupied = static_cast<double>(load.active) / settings_.capacity;
  load.mem_utilization = kMemoryBase + (1.0 - kMemoryBase) * occupied;
  const double span_ns = static_cast<double>(to.at_ns - from.at_ns);
  if (span_ns <= 0) return load;
  const auto completed = static_cast<double>(to.completed - from.completed);
  load.cpu_utilization =
      std::min(1.0, (to.busy_core_ns - from.busy_core_ns) / (span_ns * settings_.cores));
  load.application_utilization = load.cpu_utilization;  // the cores are what limits this service
  load.rps = completed * 1e9 / span_ns;
  load.eps = static_cast<double>(to.rejected - from.rejected) * 1e9 / span_ns;
  if (completed > 0) load.mean_latency_us = (to.latency_us_sum - from.latency_us_sum) / completed;
  return load;
}

}  // namespace fairlead::lab
