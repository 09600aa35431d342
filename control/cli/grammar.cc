// SPDX-License-Identifier: BSD-3-Clause
// Cuts the rules of commands.cc into elements.
#include "control/cli/grammar.hh"

#include <cctype>
#include <sstream>

#include "control/api/methods.hh"
#include "dataplane/base/check.hh"

namespace fairlead::cli {
namespace {

Element element(const std::string& text) {
  const bool value = std::isupper(static_cast<unsigned char>(text.front())) != 0;
  return value ? Element{text, &value_kind(text)} : Element{text, nullptr};
}

Pattern compile(const Rule& rule) {
  Pattern pattern;
  pattern.rule = &rule;
  std::istringstream words{std::string(rule.pattern)};
  std::string word;
  bool in_group = false;
  bool leading = true;
  while (words >> word) {
    if (word.front() == '[') {
      FL_CHECK(!in_group);
      in_group = true;
      pattern.groups.push_back(Group{{}, pattern.required.size(), false});
      word.erase(0, 1);
    }
    const bool closes = word.back() == ']';
    if (closes) word.pop_back();
    Element next = element(word);
    leading = leading && !in_group && next.kind == nullptr;
    if (leading) pattern.name += (pattern.name.empty() ? "" : " ") + word;
    if (in_group) {
      if (pattern.groups.back().elements.empty()) {
        pattern.groups.back().alone = word == rule.alone;
      }
      pattern.groups.back().elements.push_back(std::move(next));
    } else {
      pattern.required.push_back(std::move(next));
    }
    if (closes) in_group = false;
  }
  FL_CHECK(!in_group && !pattern.required.empty());
  pattern.method = rule.method.empty() ? pattern.name : std::string(rule.method);
  return pattern;
}

std::vector<Pattern> compile_all(std::span<const Rule> rules) {
  std::vector<Pattern> patterns;
  for (const Rule& rule : rules) patterns.push_back(compile(rule));
  return patterns;
}

}  // namespace

Role role_of(const Pattern& pattern) {
  if (pattern.rule->target == Target::kDataplane || pattern.method == "trace start")
    return Role::kAdmin;
  const api::Method* method = api::find_method(pattern.method);
  return method != nullptr && method->writes ? Role::kAdmin : Role::kReader;
}

const std::vector<Pattern>& command_patterns() {
  static const std::vector<Pattern> patterns = compile_all(command_rules());
  return patterns;
}

const std::vector<Pattern>& filter_patterns() {
  static const std::vector<Pattern> patterns = compile_all(filter_rules());
  return patterns;
}

}  // namespace fairlead::cli
