// SPDX-License-Identifier: BSD-3-Clause
// Help and reference, both written from the grammar table.
#include "control/cli/reference.hh"

#include <algorithm>
#include <vector>

#include "control/cli/grammar.hh"
#include "control/cli/nearest.hh"
#include "control/cli/session.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::cli {
namespace {

constexpr std::size_t kHelpColumn = 52;

std::string first_word(const Rule& rule) {
  return std::string(rule.pattern.substr(0, rule.pattern.find(' ')));
}

std::string help_line(const Rule& rule) {
  std::string line = "  " + std::string(rule.pattern);
  if (line.size() + 2 > kHelpColumn) {
    line += "\n" + std::string(kHelpColumn, ' ');
  } else {
    line.resize(kHelpColumn, ' ');
  }
  return line + std::string(rule.help) + "\n";
}

std::string escaped(std::string_view text) {  // a bar ends a cell of a table
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

void add_section(std::string& out, const std::vector<Pattern>& patterns, const char* before) {
  std::string_view section;
  for (const Pattern& pattern : patterns) {
    const Rule& rule = *pattern.rule;
    if (rule.section != section) {
      section = rule.section;
      out += "\n### " + std::string(section) +
             "\n\n| command | does | who | example |\n|---|---|---|---|\n";
    }
    out += "| `" + escaped(before) + escaped(rule.pattern) + "` | " + escaped(rule.help) +
           (role_of(pattern) == Role::kAdmin ? " | admin | `" : " | all | `") +
           escaped(rule.example) + "` |\n";
  }
}

}  // namespace

std::string reference_markdown() {
  std::string out;
  add_section(out, command_patterns(), "");
  add_section(out, filter_patterns(), "| ");
  out += "\n### Values\n\n| in a pattern | is written | example |\n|---|---|---|\n";
  for (const ValueKind& kind : value_kinds()) {
    out += "| `" + std::string(kind.name) + "` | " + escaped(kind.form) + " | `" +
           escaped(kind.example) + "` |\n";
  }
  return out;
}

base::Result<std::string> help_text(const std::string& topic) {
  std::string out;
  std::vector<std::string> topics;
  std::string_view section;
  const auto add = [&](std::span<const Rule> rules) {
    for (const Rule& rule : rules) {
      const std::string word = first_word(rule);
      if (std::find(topics.begin(), topics.end(), word) == topics.end()) topics.push_back(word);
      if (!topic.empty() && word.rfind(topic, 0) != 0) continue;
      if (rule.section != section) {
        section = rule.section;
        out += (out.empty() ? "" : "\n") + std::string(section) + "\n";
      }
      out += help_line(rule);
    }
  };
  add(command_rules());
  add(filter_rules());
  for (const ValueKind& kind : value_kinds()) {
    topics.emplace_back(kind.name);
    if (topic.empty() || kind.name != topic) continue;
    out += "  " + topic + ": " + std::string(kind.form) + ", as in " + std::string(kind.example) +
           "\n";
  }
  if (out.empty()) {
    return base::invalid(
        "help: no command begins with " + base::quoted(topic) + did_you_mean(topic, topics)
    );
  }
  if (topic.empty()) {
    out +=
        "\nAny unique beginning of a word will do. ? or Tab shows what may come next. "
        "# begins a comment.\n@NODE or @all in front runs a command on another node, or on all "
        "that run here.\n";
  }
  return out;
}

}  // namespace fairlead::cli
