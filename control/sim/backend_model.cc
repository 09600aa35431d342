// SPDX-License-Identifier: BSD-3-Clause
// The virtual clock of a backend.
#include "control/sim/backend_model.hh"

#include <algorithm>
#include <cmath>

namespace fairlead::sim {

namespace {
constexpr double kSecondsPerTick = 1e-9;
}

void BackendModel::advance(Time now) {
  const double seconds = static_cast<double>(now - last_) * kSecondsPerTick;
  const auto running = static_cast<double>(running_.size());
  clock_ += seconds * rate_;
  window_.busy += seconds * std::min(running, static_cast<double>(spec_.cores));
  window_.active += seconds * (running + waiting_size_);
  last_ = now;
}

void BackendModel::change_rate() {
  rate_ = spec_.speed * factor_;
  const auto running = static_cast<double>(running_.size());
  if (spec_.discipline == Discipline::kSharing && running > spec_.cores)
    rate_ *= static_cast<double>(spec_.cores) / running;
}

void BackendModel::start(std::uint32_t request, double work) {
  running_.push_back({clock_ + work, request});
  std::push_heap(running_.begin(), running_.end(), later);
}

bool BackendModel::add(Time now, std::uint32_t request, double work) {
  advance(now);
  if (spec_.discipline == Discipline::kSharing) {
    start(request, work);
    change_rate();
    return true;
  }
  if (running_.size() < spec_.cores) {
    start(request, work);
    return true;
  }
  if (waiting_size_ == waiting_.size()) {
    std::rotate(waiting_.begin(), waiting_.begin() + waiting_head_, waiting_.end());
    waiting_head_ = 0;
    waiting_.resize(std::max<std::size_t>(8, 2 * waiting_.size()));
  }
  std::uint32_t at = waiting_head_ + waiting_size_;
  if (at >= waiting_.size()) at -= static_cast<std::uint32_t>(waiting_.size());
  waiting_[at] = {work, request};
  ++waiting_size_;
  return false;
}

std::uint32_t BackendModel::finish(Time now, std::uint32_t& started) {
  advance(now);
  std::pop_heap(running_.begin(), running_.end(), later);
  const Running done = running_.back();
  running_.pop_back();
  clock_ = done.finish;  // exactly: times are rounded up to whole nanoseconds
  started = kNone;
  if (waiting_size_ > 0) {
    const Waiting next = waiting_[waiting_head_];
    if (++waiting_head_ == waiting_.size()) waiting_head_ = 0;
    --waiting_size_;
    start(next.request, next.work);
    started = next.request;
  }
  if (spec_.discipline == Discipline::kSharing) change_rate();
  return done.request;
}

Time BackendModel::next() const {
  if (running_.empty()) return kNever;
  const double seconds = (running_.front().finish - clock_) / rate_;
  return last_ + std::max<Time>(0, static_cast<Time>(std::ceil(seconds / kSecondsPerTick)));
}

void BackendModel::set_factor(Time now, double factor) {
  advance(now);
  factor_ = factor;
  change_rate();
}

std::vector<std::uint32_t> BackendModel::drop_all(Time now) {
  advance(now);
  std::vector<std::uint32_t> lost;
  std::sort(running_.begin(), running_.end(), [](const Running& x, const Running& y) {
    return later(y, x);
  });
  for (const Running& r : running_) lost.push_back(r.request);
  for (std::uint32_t i = 0; i < waiting_size_; ++i)
    lost.push_back(waiting_[(waiting_head_ + i) % waiting_.size()].request);
  running_.clear();
  waiting_size_ = waiting_head_ = 0;
  change_rate();
  return lost;
}

Window BackendModel::take_window(Time now) {
  advance(now);
  const Window taken = window_;
  total_busy_ += taken.busy;
  window_ = {};
  return taken;
}

}  // namespace fairlead::sim
