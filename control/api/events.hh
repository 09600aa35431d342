// SPDX-License-Identifier: BSD-3-Clause
// What happened: the last few thousand events with time and cause, for whoever asks or watches.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace fairlead::api {

/// A transition. Fields that do not apply are empty or 0.
struct Event {
  std::uint64_t id = 0;    // counts up by one, from 1 at each start of control
  std::int64_t at_us = 0;  // wall clock
  std::string kind;        // one of kEventKinds
  std::string what;        // "down", "begins", "published": what changed
  std::string cause;       // why, for people
  std::string vip;
  std::string backend;
  std::uint64_t generation = 0;
  std::uint64_t revision = 0;
  double before = 0;  // kind weight
  double after = 0;
};

/// "weight" is watched only: one event for each member whose weight a generation changed.
inline constexpr std::string_view kEventKinds[] = {
    "health", "drain", "weights", "config", "generation", "dataplane", "agent", "weight"};

nlohmann::json to_json(const Event& event);

/// Keeps the newest events. A reader says up to where it has read; one that comes too late is told
/// how many it missed, and nobody waits for it. Any thread.
class EventRing {
 public:
  explicit EventRing(std::size_t most) : most_(most) {}

  /// Gives it its number. Wakers run in this thread: they must not block and not call back.
  void append(Event event);

  struct Page {
    std::vector<Event> events;  // oldest first
    std::uint64_t next = 0;     // read up to here: `after` of the next question
    std::uint64_t missed = 0;   // events after `after` that are gone, of whatever kind
  };
  /// Events after number `after`, at most `limit`; of `kind` only, unless it is empty.
  [[nodiscard]] Page read(std::uint64_t after, const std::string& kind, std::size_t limit) const;
  /// Number of the newest; 0: none yet.
  [[nodiscard]] std::uint64_t newest() const;

  /// `wake` is called after each append until forgotten. Returns a key for forget(); after that
  /// has returned, `wake` does not run any more.
  std::uint64_t subscribe(std::function<void()> wake);
  void forget(std::uint64_t key);
  [[nodiscard]] bool watched() const;

 private:
  mutable std::mutex mutex_;
  std::size_t most_;
  std::vector<Event> ring_;  // event n lies at n % most_
  std::uint64_t newest_ = 0;
  mutable std::mutex wakers_mutex_;
  std::map<std::uint64_t, std::function<void()>> wakers_;
  std::uint64_t next_key_ = 1;
};

}  // namespace fairlead::api
