// SPDX-License-Identifier: BSD-3-Clause
// The transitions. Each takes the old state and returns the new one, so that a failure between
// deciding and doing leaves the old.
#include "control/staging/staging.hh"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <utility>

namespace fairlead::staging {
namespace {

tl::unexpected<base::Error> not_now(std::string what) {
  return base::fail(base::ErrorCode::kFailedPrecondition, std::move(what));
}

std::string numbered(std::uint64_t revision) {
  return "revision " + std::to_string(revision);
}

std::string known(const State& state) {
  std::string out;
  for (const Revision& r : state.history)
    out += (out.empty() ? "" : ", ") + std::to_string(r.number);
  return out.empty() ? "none" : out;
}

// Where the one in force came from. A rollback came from where its text did: so the second of two
// goes further back, and what the first gave up stays given up.
const Revision* before(const State& state) {
  const Revision* current = find(state, state.in_force);
  return current == nullptr ? nullptr : find(state, current->before);
}

}  // namespace

std::uint64_t digest_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  return hash;
}

std::string pending_digest(const State& state) {
  if (!state.pending) return "none";
  char text[24];
  std::snprintf(text, sizeof text, "%016" PRIx64, state.pending->digest);
  return text;
}

const Revision* find(const State& state, std::uint64_t number) {
  const auto found = std::find_if(state.history.begin(), state.history.end(), [&](const auto& r) {
    return r.number == number;
  });
  return found == state.history.end() ? nullptr : &*found;
}

void Staging::add(
    State& state,
    std::uint64_t digest,
    std::uint64_t before,
    std::string origin,
    std::string note,
    Moment at
) const {
  const std::uint64_t number = state.history.empty() ? 1 : state.history.back().number + 1;
  state.history.push_back({number, at.wall_s, std::move(origin), std::move(note), digest, before});
  state.in_force = number;
  for (auto r = state.history.begin(); r != state.history.end() && state.history.size() > most_;) {
    const bool needed = r->number == number || (state.trial && r->number == state.trial->before);
    r = needed ? std::next(r) : state.history.erase(r);
  }
}

Step Staging::load(State state, std::string name, std::uint64_t digest, Moment at) {
  state.pending = Pending{std::move(name), state.in_force, digest, at.wall_s};
  return {std::move(state)};
}

base::Result<bool> Staging::expect(const State& state, std::string_view seen) {
  if (seen == pending_digest(state)) return true;
  return not_now(
      std::string("what is pending is not what this change was made for, somebody ") +
      (state.pending ? "staged something meanwhile" : "committed or discarded it meanwhile") +
      ": look again with config diff"
  );
}

base::Result<Step> Staging::discard(State state) {
  if (!state.pending) return not_now("nothing is pending, load a file first: config load FILE");
  state.pending.reset();
  return Step{std::move(state)};
}

base::Result<Step> Staging::commit(
    State state, std::optional<base::Nanoseconds> trial, std::string note, Moment at
) const {
  if (!state.pending) return not_now("nothing is pending, load a file first: config load FILE");
  if (state.trial) {
    return not_now(
        numbered(state.in_force) + " is on trial, end that first: config confirm or config rollback"
    );
  }
  if (state.pending->base != state.in_force) {
    return not_now(
        "the pending configuration was loaded over " + numbered(state.pending->base) + ", " +
        numbered(state.in_force) + " came since: load it again and look at config diff"
    );
  }
  const Revision* current = find(state, state.in_force);
  if (current != nullptr && current->digest == state.pending->digest)
    return not_now("the pending configuration is in force already, discard it: config discard");
  const std::uint64_t digest = state.pending->digest;
  state.pending.reset();
  if (trial) state.trial = Trial{state.in_force, at.now + *trial};
  if (!trial) state.file_behind = true;  // a trial leaves the file, and what is known of it
  add(state, digest, state.in_force, "commit", std::move(note), at);
  return Step{std::move(state), Step::Text::kPending, 0, !trial};
}

base::Result<Step> Staging::confirm(State state) {
  if (!state.trial)
    return not_now("nothing is on trial: only config commit confirm TIME begins one");
  state.trial.reset();
  state.file_behind = true;
  return Step{std::move(state), Step::Text::kNone, 0, true};
}

Step Staging::back(State state, const Revision& to, std::string origin, std::string note, Moment at)
    const {
  // The file holds what a trial began with, if it did then: only another revision is written to it.
  const bool goes_back = state.trial && to.number == state.trial->before;
  const std::uint64_t number = to.number;
  const std::uint64_t digest = to.digest;
  const std::uint64_t before = to.before;
  state.trial.reset();
  state.file_behind = state.file_behind || !goes_back;
  const bool replace = state.file_behind;
  add(state, digest, before, std::move(origin), std::move(note), at);
  return {std::move(state), Step::Text::kRevision, number, replace, goes_back};
}

base::Result<Step> Staging::roll_back(
    State state, std::optional<std::uint64_t> to, std::string note, Moment at
) const {
  if (!to && state.trial) to = state.trial->before;
  const Revision* wanted = to ? find(state, *to) : before(state);
  if (wanted == nullptr && to) {
    return base::fail(
        base::ErrorCode::kNotFound, "no " + numbered(*to) + " is kept; known: " + known(state)
    );
  }
  if (wanted == nullptr) {
    return not_now(
        "there is no revision before " + std::to_string(state.in_force) + ", nothing to go back to"
    );
  }
  const Revision* current = find(state, state.in_force);
  if (wanted == current || (current != nullptr && wanted->digest == current->digest))
    return not_now(numbered(wanted->number) + " says what is in force already");
  const Revision target = *wanted;  // `state` moves
  return back(
      std::move(state), target, "rollback to " + std::to_string(target.number), std::move(note), at
  );
}

std::optional<Step> Staging::expire(const State& state, Moment at) const {
  if (!state.trial || at.now < state.trial->deadline) return std::nullopt;
  const Revision* to = find(state, state.trial->before);
  if (to == nullptr) return std::nullopt;  // never: a history keeps it
  const Revision target = *to;
  return back(state, target, "not confirmed, back to " + std::to_string(target.number), "", at);
}

Step Staging::take_file(State state, std::uint64_t digest, std::string origin, Moment at) const {
  const Revision* current = find(state, state.in_force);
  state.file_behind = false;
  if (current != nullptr && current->digest == digest) {
    state.trial.reset();
    return {std::move(state)};
  }
  // A reload in a trial follows what that began with.
  const std::uint64_t before = state.trial ? state.trial->before : state.in_force;
  const Revision* began = find(state, before);
  const bool same = began != nullptr && began->digest == digest;
  state.trial.reset();
  add(state, digest, same ? began->before : before, std::move(origin), "", at);
  return {std::move(state), Step::Text::kFile};
}

Step Staging::resume(State state, std::uint64_t file_digest, bool same_boot, Moment at) const {
  const auto says = [&](std::uint64_t number) {
    const Revision* r = find(state, number);
    return r == nullptr ? std::optional<std::uint64_t>() : std::optional(r->digest);
  };
  const Revision* began = state.trial ? find(state, state.trial->before) : nullptr;
  const bool file_as_then = began != nullptr && (state.file_behind || began->digest == file_digest);
  if (file_as_then && same_boot && at.now < state.trial->deadline && says(state.in_force)) {
    const std::uint64_t number = state.in_force;
    return {std::move(state), Step::Text::kRevision, number, false};
  }
  if (file_as_then) {
    const Revision target = *began;
    return back(
        std::move(state), target, "not confirmed, back to " + std::to_string(target.number), "", at
    );
  }
  if (state.file_behind && says(state.in_force) && says(state.in_force) != file_digest) {
    const std::uint64_t number = state.in_force;
    return {std::move(state), Step::Text::kRevision, number, true};
  }
  return take_file(std::move(state), file_digest, "start", at);
}

}  // namespace fairlead::staging
