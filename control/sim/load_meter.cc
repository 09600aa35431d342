// SPDX-License-Identifier: BSD-3-Clause
// Windows of offered work against capacity.
#include "control/sim/load_meter.hh"

#include <algorithm>
#include <utility>

namespace fairlead::sim {

void LoadMeter::set_capacity(Time now, double capacity, double room) {
  advance(now);
  integrate(now);
  capacity_ = capacity;
  room_ = room;
}

void LoadMeter::integrate(Time now) {
  servable_ += capacity_ * static_cast<double>(now - since_) * 1e-9;
  since_ = now;
}

void LoadMeter::served(Time arrival, Time latency) {
  const auto window = static_cast<std::size_t>(arrival / kWindow);
  if (window >= crowded_.size()) {
    open_.add(latency);
  } else if (!crowded_[window]) {
    result_.uncrowded.add(latency);
  }
}

void LoadMeter::close_window() {
  integrate(end_);
  const bool counts = end_ - kWindow >= warmup_;
  const bool crowded = offered_ + backlog_ > servable_;
  if (counts) {
    result_.crowded_seconds += crowded ? 1.0 / kSecond : 0;
    second_offered_ += offered_;
    second_servable_ += servable_;
  }
  if (!crowded) result_.uncrowded.add(open_);
  if (open_.count() > 0) open_ = {};
  backlog_ = std::clamp(offered_ + backlog_ - servable_, 0.0, room_);
  offered_ = servable_ = 0;
  crowded_.push_back(crowded);
  if (crowded_.size() % kSecond == 0) {
    if (second_servable_ > 0)
      result_.peak = std::max(result_.peak, second_offered_ / second_servable_);
    second_offered_ = second_servable_ = 0;
  }
  end_ += kWindow;
}

LoadMeasures LoadMeter::finish() {
  if (offered_ > 0) close_window();
  return std::move(result_);
}

}  // namespace fairlead::sim
