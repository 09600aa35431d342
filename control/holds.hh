// SPDX-License-Identifier: BSD-3-Clause
// Why a backend gets no new flows by an operator's will: drain, maintenance, off. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/base/clock.hh"
#include "dataplane/base/result.hh"

namespace fairlead::control {

using Member = std::pair<std::string, std::string>;  // vip, backend

/// Four words, four things; weight 0 is a fifth, which the next configuration ends:
///   drain     an operation: no new flows, the old ones are counted down, with an end; undrain
///   maint     a state: no new flows, the old ones stay; only `maint ... off` ends it, no agent, no
///             undrain and no configuration does
///   disable   off now: its flows are decided anew at once; enable
enum class HoldKind : std::uint8_t { kDrain, kMaint, kDisable };

/// What the end of a drain does with flows that are left, and with the backend.
enum class Then : std::uint8_t {
  kKeep,    // nothing: they stay as long as they like
  kReset,   // they are decided anew, as if it were down; others' hosts will reset them
  kRemove,  // the same, and the backend leaves the pool until undrained
};

/// A drain that maintenance or off was put over: it goes on when that ends. Its deadline counts on
/// meanwhile.
struct Drain {
  base::Nanoseconds since = 0;
  base::Nanoseconds deadline = 0;
  Then then = Then::kKeep;
  std::uint64_t flows = 0;
  bool over = false;
  friend bool operator==(const Drain&, const Drain&) = default;
};

struct Hold {
  HoldKind kind = HoldKind::kDrain;
  base::Nanoseconds since = 0;     // monotonic
  base::Nanoseconds deadline = 0;  // kDrain; 0: when the last flow has ended
  Then then = Then::kKeep;
  std::uint64_t flows = 0;                    // open when it began
  bool over = false;                          // kDrain: `then` is in force
  std::optional<Drain> drain = std::nullopt;  // not kDrain: what is under it
  friend bool operator==(const Hold&, const Hold&) = default;
};
using Holds = std::map<Member, Hold>;

std::string_view to_string(HoldKind kind);  // "drain", "maint", "disable"
std::string_view to_string(Then then);      // "keep", "reset", "remove"
std::optional<HoldKind> hold_kind(std::string_view word);
std::optional<Then> then_word(std::string_view word);

/// What a hold makes of a pool's member.
struct HeldAs {
  bool draining = false;  // keeps its flows, gets no new ones
  bool off = false;       // its flows are decided anew
  bool removed = false;   // not in the pool
};
HeldAs held_as(const Holds& holds, const Member& member);

/// Begins or replaces a hold; a drain stays under it. Errors, kFailedPrecondition: another kind
/// holds it already.
base::Result<bool> begin_hold(Holds& holds, const Member& member, const Hold& hold);
/// Ends a hold of this kind; false: there was none. Error: another kind holds it.
base::Result<bool> end_hold(Holds& holds, const Member& member, HoldKind kind);
/// Takes a hold away; a drain under it goes on. Returns the one after it.
Holds::iterator lift(Holds& holds, Holds::iterator hold);

/// Ends the drains that are due: the deadline has passed, or nothing is left of a `reset` or
/// `remove`. Returns those that ended. `flows(member)` is asked only where it decides.
template <typename Flows>
std::vector<Member> end_drains(Holds& holds, base::Nanoseconds now, const Flows& flows) {
  std::vector<Member> ended;
  for (auto& [member, hold] : holds) {
    if (hold.kind != HoldKind::kDrain || hold.over || hold.then == Then::kKeep) continue;
    const bool late = hold.deadline != 0 && now >= hold.deadline;
    // Workers take a moment to learn of it: a flow may begin meanwhile.
    if (!late && (now < hold.since + base::kSecond || flows(member) > 0)) continue;
    hold.over = true;
    ended.push_back(member);
  }
  return ended;
}

}  // namespace fairlead::control
