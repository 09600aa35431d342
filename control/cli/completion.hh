// SPDX-License-Identifier: BSD-3-Clause
// What Tab inserts and what ? lists.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "control/cli/parse.hh"

namespace fairlead::cli {

/// Asks for the names that a source has now; may return none, and more than those that begin with
/// `partial`.
using NameLookup = std::function<std::vector<std::string>(NameSource, const std::string& partial)>;

struct Candidate {
  std::string word;
  std::string help;
  bool insertable = true;  // false: describes a value, as "WEIGHT"
};

struct Completion {
  std::string insert;  // to put at the cursor; ends with a blank if the word is then whole
  std::vector<Candidate> candidates;
  bool may_end = false;    // the line is a command already
  bool takes_any = false;  // the word under the cursor is free text (a regular expression)
};

Completion complete(std::string_view line_to_cursor, const NameLookup& names);

/// The candidates as aligned lines, "<Enter>" among them if the line may end.
std::string describe(const Completion& completion);

}  // namespace fairlead::cli
