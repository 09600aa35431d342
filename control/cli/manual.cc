// SPDX-License-Identifier: BSD-3-Clause
// The manual page, from the same tables as help and completion.
#include <string>

#include "control/cli/grammar.hh"
#include "control/cli/options.hh"
#include "control/cli/reference.hh"

namespace fairlead::cli {
namespace {

std::string troff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out.empty() || (out.front() != '.' && out.front() != '\'') ? out : "\\&" + out;
}

void add_patterns(
    std::string& out, const std::vector<Pattern>& patterns, const std::string& before
) {
  std::string_view section;
  for (const Pattern& pattern : patterns) {
    const Rule& rule = *pattern.rule;
    if (rule.section != section) {
      section = rule.section;
      out += ".SS " + std::string(section) + "\n";
    }
    out += ".TP\n.B " + troff(before + std::string(rule.pattern)) + "\n" + troff(rule.help) +
           (role_of(pattern) == Role::kAdmin ? " (admin)" : "") +
           ".\nExample: " + troff(rule.example) + "\n";
  }
}

}  // namespace

std::string manual_page() {
  std::string out = ".TH FAIRLEAD 1 \"\" \"Fairlead " FL_VERSION
                    "\" \"User Commands\"\n"
                    ".SH NAME\nfairlead \\- look at and steer a load\\-balancer node\n"
                    ".SH SYNOPSIS\n.B fairlead\n[OPTION...] COMMAND...\n.br\n.B fairlead\n"
                    "[OPTION...] \\-f FILE\n.br\n.B fairlead\n[OPTION...]\n"
                    ".SH DESCRIPTION\nOne command, a file of commands, or a prompt. Any beginning "
                    "of a word will do that no other word at its place shares. A line may begin "
                    "with @NODE or @all, and end with filters behind bars. Commands marked admin "
                    "are for root and the user that the daemon runs as.\n.SH OPTIONS\n.nf\n";
  const std::string options = usage();
  const std::size_t begin = options.find("\n\n") + 2;
  out += troff(options.substr(begin, options.find("\n\n", begin) - begin)) + "\n.fi\n";
  out += ".SH COMMANDS\n";
  add_patterns(out, command_patterns(), "");
  add_patterns(out, filter_patterns(), "| ");
  out += ".SH VALUES\n";
  for (const ValueKind& kind : value_kinds()) {
    out += ".TP\n.B " + troff(kind.name) + "\n" + troff(kind.form) + ", as in " +
           troff(kind.example) + "\n";
  }
  out +=
      ".SH EXIT STATUS\n0: done. 1: could not be done. 2: wrong input.\n"
      ".SH ENVIRONMENT\n.TP\n.B FAIRLEAD_SOCKET\npath of the control.sock to ask if no option "
      "says so\n";
  return out;
}

}  // namespace fairlead::cli
