// SPDX-License-Identifier: BSD-3-Clause
// The grammar: one table from which parser, help, completion and reference are made.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/cli/values.hh"

namespace fairlead::cli {

/// Who answers a command.
enum class Target {
  kControl,    // control.sock
  kDataplane,  // dataplane.sock
  kLocal,      // the CLI itself, perhaps with several questions to the daemons
};

/// One command or filter. `pattern` is also its usage line:
///   lower-case  a keyword; any prefix that no other keyword at that place shares will do
///   UPPER-CASE  a value, see values.hh
///   [...]       may be left out; comes anywhere after the words in front of it
struct Rule {
  std::string_view pattern;
  std::string_view section;
  std::string_view help;     // one sentence
  std::string_view example;  // a line that parses
  Target target = Target::kControl;
  std::string_view alone = "";   // the [group] with this first word stands without others
  std::string_view method = "";  // that answers it; empty: the leading keywords
};

std::span<const Rule> command_rules();
/// Of these, the first: they only show.
std::span<const Rule> look_rules();
/// And the last: ipvsadm's letters.
std::span<const Rule> ipvs_rules();

/// What may follow a "|".
std::span<const Rule> filter_rules();

/// A keyword (kind is null) or a value.
struct Element {
  std::string word;
  const ValueKind* kind = nullptr;
};

struct Group {
  std::vector<Element> elements;
  std::size_t after = 0;  // number of required elements that come before it
  bool alone = false;
};

/// A rule cut into elements.
struct Pattern {
  const Rule* rule = nullptr;
  std::string name;    // its leading keywords: "show weights"
  std::string method;  // its name on the socket: "show backend"
  std::vector<Element> required;
  std::vector<Group> groups;
};

/// Who may run a command: the daemons refuse, this only tells.
enum class Role { kReader, kAdmin };
Role role_of(const Pattern& pattern);

/// The compiled tables; made once, live for ever.
const std::vector<Pattern>& command_patterns();
const std::vector<Pattern>& filter_patterns();

}  // namespace fairlead::cli
