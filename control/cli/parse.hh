// SPDX-License-Identifier: BSD-3-Clause
// From words to a checked command, and from half a line to what may come next.
//
//   line := [ "@" node ] command { "|" filter } [ "#" comment ]
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/cli/grammar.hh"
#include "control/cli/tokens.hh"
#include "dataplane/base/result.hh"

namespace fairlead::cli {

/// One rule with its values.
struct Call {
  const Pattern* pattern = nullptr;
  Json arguments = Json::object();  // checked; named as in docs/control-socket.md
  std::vector<std::string> flags;   // groups that are one keyword, e.g. "why"

  [[nodiscard]] bool is(std::string_view name) const { return pattern && pattern->name == name; }
  [[nodiscard]] bool has_flag(std::string_view flag) const;
};

struct Line {
  std::string node;  // of @node; "all"; empty: the default
  Call command;      // pattern null: an empty line
  std::vector<Call> filters;
};

/// Error: invalid_argument, one line that names the word, what was expected, the nearest known
/// word.
base::Result<Line> parse(const std::vector<Token>& tokens);

/// What may stand at one place of a line.
struct Expected {
  std::string word;                 // a keyword, or the name of a kind of value
  const ValueKind* kind = nullptr;  // of a value
  std::string help;
  friend bool operator==(const Expected& a, const Expected& b) {
    return a.word == b.word && a.kind == b.kind;
  }
};

struct Expectation {
  std::vector<Expected> items;  // those that the typed part allows
  bool complete = false;        // the line may end here
  std::string partial;          // the word under the cursor, perhaps empty
};

/// What can follow `line`, whose last word is unfinished unless a blank follows it. A line that is
/// wrong already has no items.
Expectation expect(std::string_view line);

}  // namespace fairlead::cli
