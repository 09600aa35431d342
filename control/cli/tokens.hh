// SPDX-License-Identifier: BSD-3-Clause
// A line of input cut into words: quotes, comments, pipes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.hh"

namespace fairlead::cli {

/// A word as typed. A quoted word ('...' or "...") is never a keyword, a pipe or a comment.
struct Token {
  std::string text;
  bool quoted = false;
  bool pipe = false;      // an unquoted |
  std::size_t begin = 0;  // byte offset in the line
};

/// Words of `line`; an unquoted # at the start of a word ends it. Error: a quote that is not
/// closed, a control character.
base::Result<std::vector<Token>> tokenize(std::string_view line);

/// Words that the shell has cut already; "|" alone is a pipe. One single word with blanks in it is
/// a whole line and is cut here, so that `fairlead "show vip | json"` works.
base::Result<std::vector<Token>> tokens_of(const std::vector<std::string>& arguments);

}  // namespace fairlead::cli
