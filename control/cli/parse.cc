// SPDX-License-Identifier: BSD-3-Clause
// Splits a line at its pipes and hands each part to a Matcher.
#include "control/cli/parse.hh"

#include <algorithm>

#include "control/cli/ipvs_lines.hh"
#include "control/cli/matcher.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::cli {
namespace {

bool names_node(const Token& token) {
  return !token.quoted && token.text.rfind('@', 0) == 0;
}

base::Result<std::string> node_of(const Token& token) {
  Json checked;
  const std::string name = token.text.substr(1);
  const auto stored = value_kind("VIP").store(name, checked);  // the same alphabet as names
  if (!stored || name.front() == '.') {
    return base::invalid(
        "node " + base::quoted(name) + ": write @NODE or @all, as in @lb1 show status"
    );
  }
  return name;
}

base::Result<Call> part(
    const std::vector<Pattern>& patterns,
    const std::vector<Token>& tokens,
    std::size_t begin,
    std::size_t end
) {
  Matcher matcher(patterns, &patterns == &command_patterns() ? "command" : "filter");
  for (std::size_t i = begin; i < end; ++i) FL_TRY(matcher.take(tokens[i]));
  return matcher.finish();
}

std::size_t next_pipe(const std::vector<Token>& tokens, std::size_t from) {
  while (from < tokens.size() && !tokens[from].pipe) ++from;
  return from;
}

/// One "watch" at most; "json" makes no rows to count twice.
base::Result<void> check_filters(const std::vector<Call>& filters) {
  std::vector<std::string> seen;
  for (const Call& filter : filters) {
    const std::string& name = filter.pattern->name;
    if (name != "match" && std::find(seen.begin(), seen.end(), name) != seen.end()) {
      return base::invalid("| " + name + ": may be given once");
    }
    seen.push_back(name);
  }
  return {};
}

}  // namespace

bool Call::has_flag(std::string_view flag) const {
  return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

base::Result<Line> parse(const std::vector<Token>& given) {
  const std::vector<Token> tokens = split_letters(given);
  Line line;
  if (tokens.empty()) return line;
  std::size_t begin = 0;
  if (names_node(tokens[0])) {
    FL_ASSIGN(line.node, node_of(tokens[0]));
    begin = 1;
  }
  std::size_t end = next_pipe(tokens, begin);
  if (begin == end) {
    const std::string where = begin == 0 ? "" : " after " + tokens[0].text;
    return base::invalid("expected a command" + where + "; help lists them");
  }
  FL_ASSIGN(line.command, part(command_patterns(), tokens, begin, end));
  while (end < tokens.size()) {
    begin = end + 1;
    end = next_pipe(tokens, begin);
    if (begin == end) {
      return base::invalid("expected json, match, count or watch after |");
    }
    FL_ASSIGN(Call filter, part(filter_patterns(), tokens, begin, end));
    line.filters.push_back(std::move(filter));
  }
  FL_TRY(check_filters(line.filters));
  return line;
}

Expectation expect(std::string_view line) {
  Expectation expectation;
  auto tokens = tokenize(line);
  if (!tokens) return expectation;
  const bool open = !line.empty() && line.back() != ' ' && line.back() != '\t';
  if (open && !tokens->empty() && !tokens->back().pipe) {
    expectation.partial = tokens->back().text;
    tokens->pop_back();
  }
  std::size_t begin = 0;
  std::size_t end = 0;
  const std::vector<Pattern>* patterns = &command_patterns();
  if (!tokens->empty() && names_node(tokens->front())) begin = 1;
  for (end = next_pipe(*tokens, begin); end < tokens->size(); end = next_pipe(*tokens, begin)) {
    if (!part(*patterns, *tokens, begin, end)) return expectation;
    patterns = &filter_patterns();
    begin = end + 1;
  }
  Matcher matcher(*patterns, "command");
  for (std::size_t i = begin; i < tokens->size(); ++i) {
    if (!matcher.take((*tokens)[i])) return expectation;
  }
  expectation.complete = begin < tokens->size() && matcher.complete();
  for (Expected& item : matcher.expected()) {
    if (item.kind || item.word.rfind(expectation.partial, 0) == 0) {
      expectation.items.push_back(std::move(item));
    }
  }
  return expectation;
}

}  // namespace fairlead::cli
