// SPDX-License-Identifier: BSD-3-Clause
// In this order: what operators want, what it takes to begin, what ends it.
#include "control/routes/fitness.hh"

#include <cstdio>

namespace fairlead::routes {
namespace {

std::string milliseconds(double us) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f ms", us / 1e3);
  return text;
}

}  // namespace

std::string Fitness::joining(const Signs& signs) const {
  if (!signs.has_state) return "joining: waits for the fleet's state";
  if (!signs.has_tables) return "joining: no tables yet";
  if (!signs.forwards) return "joining: nothing forwards, start fairlead-dataplane";
  if (!signs.agrees) return "joining: tables differ from the fleet's";
  return "";
}

std::string Fitness::unfit(const Signs& signs, base::Nanoseconds now) {
  const bool idle = idle_.lasts(!signs.forwards, limits_.no_forwarding, now);
  const bool differs = differs_.lasts(!signs.agrees, limits_.disagreement, now);
  const double limit_us = static_cast<double>(limits_.p99) / 1e3;
  const bool slow = slow_.lasts(limits_.p99 != 0 && signs.p99_us > limit_us, limits_.slow, now);
  const bool out = why_.starts_with("unfit");
  if (idle) return "unfit: nothing forwards, neither data plane nor gate";
  if (!signs.reaches && (signs.may_go || out)) return "unfit: reaches no backend";
  if (differs && (signs.may_go || out)) return "unfit: tables differ from the fleet's";
  if (slow && ((signs.may_go && signs.slowest) || out))
    return "unfit: p99 " + milliseconds(signs.p99_us) + " is above " + milliseconds(limit_us);
  return "";
}

const std::string& Fitness::judge(const Signs& signs, base::Nanoseconds now) {
  const std::string bad = unfit(signs, now);
  if (!bad.empty()) bad_ = now;
  if (signs.leaving) return why_ = "leaving";
  if (signs.withdrawn) return why_ = "withdrawn by operator";
  if (!joined_) {
    why_ = joining(signs);
    joined_ = why_.empty();
    return why_;
  }
  if (!bad.empty()) return why_ = bad;
  // A slow node that was taken out has no packets: it comes back when the time is over.
  if (why_.starts_with("unfit") && now < bad_ + limits_.good) return why_;
  why_.clear();
  return why_;
}

}  // namespace fairlead::routes
