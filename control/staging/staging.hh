// SPDX-License-Identifier: BSD-3-Clause
// Configuration as an operation: pending, revisions, a trial that ends by itself. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/clock.hh"
#include "dataplane/base/result.hh"

namespace fairlead::staging {

/// A configuration that was in force, or is. Texts lie elsewhere, by number.
struct Revision {
  std::uint64_t number = 0;  // from 1, never given twice
  std::int64_t at_s = 0;     // wall clock, for people
  std::string origin;        // "start", "reload", "commit", "rollback to 3", ...
  std::string note;          // the operator's
  std::uint64_t digest = 0;  // of the text
  std::uint64_t before = 0;  // where a rollback without number goes from it; 0: nowhere
  friend bool operator==(const Revision&, const Revision&) = default;
};

/// Loaded, checked, not in force.
struct Pending {
  std::string name;        // of the file it came from
  std::uint64_t base = 0;  // the revision that it was loaded over
  std::uint64_t digest = 0;
  std::int64_t at_s = 0;
  friend bool operator==(const Pending&, const Pending&) = default;
};

/// In force until the deadline, unless confirmed.
struct Trial {
  std::uint64_t before = 0;        // revision to go back to
  base::Nanoseconds deadline = 0;  // monotonic
  friend bool operator==(const Trial&, const Trial&) = default;
};

struct State {
  std::uint64_t in_force = 0;     // revision; 0: none yet
  std::vector<Revision> history;  // oldest first; holds in_force and trial->before
  std::optional<Pending> pending;
  std::optional<Trial> trial;
  /// The configuration file does not hold what is in force yet; during a trial: what it began with.
  bool file_behind = false;
  friend bool operator==(const State&, const State&) = default;
};

/// What a transition asks for. The caller makes `next` durable, then puts the text in force; if it
/// cannot, it keeps the old state and nothing has happened.
struct Step {
  State next;
  enum class Text : std::uint8_t { kNone, kPending, kRevision, kFile };
  Text text = Text::kNone;     // what is put in force; kNone: nothing changes
  std::uint64_t revision = 0;  // kRevision: whose text it is
  bool replace_file = false;   // then the configuration file gets it
  bool goes_back = false;      // a trial ends where it began
};

/// When it is, for people and for deadlines.
struct Moment {
  base::Nanoseconds now = 0;  // monotonic
  std::int64_t wall_s = 0;
};

/// FNV-1a; tells texts apart.
std::uint64_t digest_of(std::string_view text);
/// Of what is pending, as expect() wants it.
std::string pending_digest(const State& state);
const Revision* find(const State& state, std::uint64_t number);

/// Keeps the newest revisions in a history of `most`, 2 at least.
class Staging {
 public:
  explicit Staging(std::size_t most) : most_(most) {}

  /// A checked text becomes pending; the one before is forgotten.
  static Step load(State state, std::string name, std::uint64_t digest, Moment at);
  /// Whether that is pending which somebody saw: its digest as 16 hexadecimal digits, "none" for
  /// nothing. Error kFailedPrecondition: another one staged something since, or took it away.
  static base::Result<bool> expect(const State& state, std::string_view seen);
  /// Error kFailedPrecondition: nothing is pending.
  static base::Result<Step> discard(State state);
  /// Puts the pending text in force, with `trial` only so long unless it is confirmed. Errors, all
  /// kFailedPrecondition: nothing is pending, it is in force already, another revision came since
  /// it was loaded, a trial runs.
  base::Result<Step> commit(
      State state, std::optional<base::Nanoseconds> trial, std::string note, Moment at
  ) const;
  /// Ends the trial for good. Error kFailedPrecondition: none runs.
  static base::Result<Step> confirm(State state);
  /// Back to a revision; without number to the one before (a trial: to where it began). Repeated it
  /// goes further back: what was given up, by a rollback or a trial's end, never comes by itself.
  /// Errors: kNotFound with the known ones, kFailedPrecondition: in force already, or nothing
  /// before.
  base::Result<Step> roll_back(
      State state, std::optional<std::uint64_t> to, std::string note, Moment at
  ) const;
  /// A trial whose deadline has passed goes back; nullopt: nothing is due.
  [[nodiscard]] std::optional<Step> expire(const State& state, Moment at) const;
  /// The file's text is to be in force (signal, API, file watch): ends a trial. kNone if it is.
  Step take_file(State state, std::uint64_t digest, std::string origin, Moment at) const;
  /// At a start: what is in force now. A trial goes on until its deadline, and is over after a
  /// reboot (its clock is gone). A commit that did not reach the file is finished. Else the file
  /// counts.
  [[nodiscard]] Step resume(State state, std::uint64_t file_digest, bool same_boot, Moment at)
      const;

 private:
  /// `before`: that of the new revision.
  void add(
      State& state,
      std::uint64_t digest,
      std::uint64_t before,
      std::string origin,
      std::string note,
      Moment at
  ) const;
  Step back(State state, const Revision& to, std::string origin, std::string note, Moment at) const;

  std::size_t most_;
};

}  // namespace fairlead::staging
