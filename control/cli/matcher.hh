// SPDX-License-Identifier: BSD-3-Clause
// Follows all rules of a table at once, word by word, and keeps those that still fit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/cli/parse.hh"

namespace fairlead::cli {

class Matcher {
 public:
  /// `noun` says in messages what the patterns are: "command" or "filter".
  Matcher(const std::vector<Pattern>& patterns, std::string noun);

  /// Takes the next word. Error: no rule goes on with it; the matcher is then used up.
  base::Result<void> take(const Token& token);

  /// What may come next, each once, in the order of the table.
  [[nodiscard]] std::vector<Expected> expected() const;
  [[nodiscard]] bool complete() const;
  /// The command, once complete. Error: which words are missing.
  [[nodiscard]] base::Result<Call> finish() const;

 private:
  static constexpr std::size_t kNoGroup = SIZE_MAX;

  /// One way to read the words so far.
  struct Reading {
    Call call;
    std::size_t next = 0;          // of the required elements
    std::size_t group = kNoGroup;  // the group that is being read
    std::size_t inside = 0;        // its next element
    std::uint32_t used = 0;        // groups that were read, one bit each
  };
  struct Step {
    const Reading* from;
    std::size_t group;  // kNoGroup: a required element
    const Element* element;
  };

  [[nodiscard]] std::vector<Step> steps() const;
  static void add_steps(const Reading& reading, std::vector<Step>& steps);
  static Reading advance(const Step& step);
  [[nodiscard]] base::Error refusal(const Token& token, const std::vector<Step>& all) const;
  [[nodiscard]] static bool ended(const Reading& reading);

  std::string noun_;
  std::vector<Reading> readings_;
  std::string before_;  // the words taken, for messages
};

}  // namespace fairlead::cli
