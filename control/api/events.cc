// SPDX-License-Identifier: BSD-3-Clause
// A ring under a lock.
#include "control/api/events.hh"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

namespace fairlead::api {

nlohmann::json to_json(const Event& event) {
  nlohmann::json out = {
      {"id", event.id}, {"at_us", event.at_us}, {"kind", event.kind}, {"what", event.what}};
  for (const auto& [key, text] :
       {std::pair{"cause", &event.cause}, {"vip", &event.vip}, {"backend", &event.backend}}) {
    if (!text->empty()) out[key] = *text;
  }
  if (event.generation != 0) out["generation"] = event.generation;
  if (event.revision != 0) out["revision"] = event.revision;
  if (event.kind == "weight") {
    out["before"] = event.before;
    out["after"] = event.after;
  }
  return out;
}

void EventRing::append(Event event) {
  {
    const std::lock_guard lock(mutex_);
    event.id = ++newest_;
    if (ring_.size() < most_) {
      ring_.push_back(std::move(event));
    } else {
      ring_[(newest_ - 1) % most_] = std::move(event);
    }
  }
  const std::lock_guard lock(wakers_mutex_);
  for (const auto& [key, wake] : wakers_) wake();
}

EventRing::Page EventRing::read(std::uint64_t after, const std::string& kind, std::size_t limit)
    const {
  const std::lock_guard lock(mutex_);
  Page page;
  after = std::min(after, newest_);  // of an earlier control: from the newest on
  const std::uint64_t gone = newest_ - ring_.size();
  if (after < gone) page.missed = gone - after;
  page.next = std::max(after, gone);
  while (page.next < newest_ && page.events.size() < limit) {
    const Event& event = ring_[page.next % most_];
    ++page.next;
    if (kind.empty() || event.kind == kind) page.events.push_back(event);
  }
  return page;
}

std::uint64_t EventRing::newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

std::uint64_t EventRing::subscribe(std::function<void()> wake) {
  const std::lock_guard lock(wakers_mutex_);
  wakers_.emplace(next_key_, std::move(wake));
  return next_key_++;
}

void EventRing::forget(std::uint64_t key) {
  const std::lock_guard lock(wakers_mutex_);
  wakers_.erase(key);
}

bool EventRing::watched() const {
  const std::lock_guard lock(wakers_mutex_);
  return !wakers_.empty();
}

}  // namespace fairlead::api
