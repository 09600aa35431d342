// SPDX-License-Identifier: BSD-3-Clause
// Looks at acknowledgements often enough to say since when.
#include "control/held_back.hh"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "dataplane/sys/log.hh"

namespace fairlead::control {
namespace {

constexpr base::Nanoseconds kPeriod = 50 * base::kMillisecond;
// A worker on a crowded core is late by tens of milliseconds; this long it hangs.
constexpr base::Nanoseconds kLong = base::kSecond;

std::string seconds(base::Nanoseconds ns) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(ns) / 1e9);
  return text;
}

std::string name_of(const shm::Holder& holder) {
  return "worker " + std::to_string(holder.worker) + " (pid " + std::to_string(holder.pid) + ")";
}

std::string sentence(const HeldBack& held, base::Nanoseconds now) {
  return name_of(held.holder) + " keeps generation " + std::to_string(held.holder.generation) +
         " for " + seconds(now - held.since);
}

void tell(Node& node, const char* what, std::string cause, std::uint64_t generation) {
  sys::log_warn("generation " + std::string(what) + ": " + cause);
  api::Event event;
  event.kind = "generation";
  event.what = what;
  event.cause = std::move(cause);
  event.generation = generation;
  node.happenings.tell(std::move(event));
}

}  // namespace

void HeldBackWatch::tick(Node& node, base::Nanoseconds now) {
  if (now >= due_) {
    due_ = now + kPeriod;
    std::vector<HeldBack> before = std::exchange(node.held_back, {});
    for (const shm::Holder& holder : node.publisher.holders()) {
      const auto same = std::find_if(before.begin(), before.end(), [&](const HeldBack& held) {
        return held.holder.worker == holder.worker && held.holder.pid == holder.pid &&
               held.holder.generation == holder.generation;
      });
      node.held_back.push_back(same == before.end() ? HeldBack{holder, now, false} : *same);
      if (same != before.end()) before.erase(same);
      HeldBack& held = node.held_back.back();
      if (held.told || now < held.since + kLong) continue;
      held.told = true;
      tell(node, "held back", sentence(held, now), holder.generation);
    }
    for (const HeldBack& held : before) {
      if (!held.told) continue;
      tell(node, "released", sentence(held, now) + " no more", held.holder.generation);
    }
  }
  const bool waits = node.waits_since != 0 && now >= node.waits_since + kLong;
  if (waits && !waits_) {
    const std::uint64_t in_force = node.publisher.generation();
    tell(node, "waits", "every bank is kept: " + who_holds_back(node, now), in_force);
  }
  waits_ = waits;
}

std::string who_holds_back(const Node& node, base::Nanoseconds now) {
  std::string line;
  for (const HeldBack& held : node.held_back) {
    if (now < held.since + kLong) continue;
    line += (line.empty() ? "" : ", ") + sentence(held, now);
  }
  return line;
}

void say_from_when(Node& node, bool changed, base::Nanoseconds now, Json& out) {
  // The next one, whatever its number: one that is free now need not be the one that is taken.
  out["generation"] = node.publisher.generation() + (changed ? 1 : 0);
  if (!changed || node.publisher.may_publish(now)) return;
  const std::string who = who_holds_back(node, now);
  out["waits"] = "accepted, but no bank is free: " + (who.empty() ? "workers are slow" : who);
}

}  // namespace fairlead::control
