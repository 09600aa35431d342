// SPDX-License-Identifier: BSD-3-Clause
// Holds: words, meaning, and which may follow which.
#include "control/holds.hh"

#include <array>
#include <iterator>

namespace fairlead::control {
namespace {

constexpr std::array<std::string_view, 3> kKinds = {"drain", "maint", "disable"};
constexpr std::array<std::string_view, 3> kThens = {"keep", "reset", "remove"};

// How each kind is ended.
std::string way_out(HoldKind kind, const std::string& backend) {
  switch (kind) {
    case HoldKind::kDrain:
      return "is drained, end that first: undrain backend " + backend;
    case HoldKind::kMaint:
      return "is in maintenance, end that first: maint backend " + backend + " off";
    case HoldKind::kDisable:
      return "is disabled, end that first: enable backend " + backend;
  }
  return "";
}

tl::unexpected<base::Error> other(const Member& member, HoldKind kind) {
  return base::fail(
      base::ErrorCode::kFailedPrecondition,
      "backend " + member.second + " in vip " + member.first + " " + way_out(kind, member.second)
  );
}

}  // namespace

std::string_view to_string(HoldKind kind) {
  return kKinds.at(static_cast<std::size_t>(kind));
}

std::string_view to_string(Then then) {
  return kThens.at(static_cast<std::size_t>(then));
}

std::optional<HoldKind> hold_kind(std::string_view word) {
  for (std::size_t i = 0; i < kKinds.size(); ++i)
    if (kKinds.at(i) == word) return static_cast<HoldKind>(i);
  return std::nullopt;
}

std::optional<Then> then_word(std::string_view word) {
  for (std::size_t i = 0; i < kThens.size(); ++i)
    if (kThens.at(i) == word) return static_cast<Then>(i);
  return std::nullopt;
}

HeldAs held_as(const Holds& holds, const Member& member) {
  const auto found = holds.find(member);
  if (found == holds.end()) return {};
  const Hold& hold = found->second;
  if (hold.kind == HoldKind::kDisable) return {false, true, false};
  if (hold.kind == HoldKind::kMaint || !hold.over) return {true, false, false};
  return {false, true, hold.then == Then::kRemove};
}

base::Result<bool> begin_hold(Holds& holds, const Member& member, const Hold& hold) {
  const auto found = holds.find(member);
  if (found == holds.end()) {
    holds.emplace(member, hold);
    return true;
  }
  if (found->second.kind != hold.kind) {
    // Maintenance and off are stronger than a drain under way: they may follow it.
    const Hold& old = found->second;
    if (old.kind != HoldKind::kDrain) return other(member, old.kind);
    Hold next = hold;
    next.drain = Drain{old.since, old.deadline, old.then, old.flows, old.over};
    found->second = next;
    return true;
  }
  Hold next = hold;
  next.since = found->second.since;  // the same hold, perhaps with another end
  next.flows = found->second.flows;
  next.drain = found->second.drain;
  const bool changed = found->second != next;
  found->second = next;
  return changed;
}

base::Result<bool> end_hold(Holds& holds, const Member& member, HoldKind kind) {
  const auto found = holds.find(member);
  if (found == holds.end()) return false;
  if (found->second.kind != kind) return other(member, found->second.kind);
  (void)lift(holds, found);
  return true;
}

Holds::iterator lift(Holds& holds, Holds::iterator hold) {
  if (!hold->second.drain) return holds.erase(hold);
  const Drain drain = *hold->second.drain;
  hold->second = {
      HoldKind::kDrain, drain.since, drain.deadline, drain.then, drain.flows, drain.over};
  return std::next(hold);
}

}  // namespace fairlead::control
