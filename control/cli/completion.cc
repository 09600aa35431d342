// SPDX-License-Identifier: BSD-3-Clause
// From what the grammar expects to what can be inserted.
#include "control/cli/completion.hh"

#include <algorithm>

#include "control/cli/page.hh"

namespace fairlead::cli {
namespace {

void add_values(
    std::vector<Candidate>& candidates,
    const Expected& item,
    const std::string& partial,
    const NameLookup& names
) {
  std::vector<std::string> words;
  if (item.kind->words) words = item.kind->words();
  if (item.kind->source != NameSource::kNone) words = names(item.kind->source, partial);
  if (words.empty()) {
    candidates.push_back({item.word, item.help, false});
    return;
  }
  for (const std::string& word : words) {
    if (word.rfind(partial, 0) == 0) candidates.push_back({word, item.help, true});
  }
}

/// The cursor is in the @NODE at the beginning of the line.
bool begins_node(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t");
  return first != std::string_view::npos && line[first] == '@' &&
         line.find_first_of(" \t", first) == std::string_view::npos;
}

void add_node(Completion& completion, const std::string& word, const std::string& partial) {
  if (word.rfind(partial, 0) == 0)
    completion.candidates.push_back({word, word == "@all" ? "every node" : "a node", true});
}

std::string common_beginning(const std::vector<std::string>& words) {
  std::string common = words.front();
  for (const std::string& word : words) {
    const auto differ = std::mismatch(common.begin(), common.end(), word.begin(), word.end());
    common.erase(differ.first, common.end());
  }
  return common;
}

}  // namespace

Completion complete(std::string_view line_to_cursor, const NameLookup& names) {
  Completion completion;
  Expectation expectation = expect(line_to_cursor);
  if (begins_node(line_to_cursor)) {
    expectation.items.clear();
    for (const std::string& node : names(NameSource::kNodes, ""))
      add_node(completion, "@" + node, expectation.partial);
  }
  const std::string& partial = expectation.partial;
  completion.may_end = expectation.complete && partial.empty();
  for (const Expected& item : expectation.items) {
    if (item.kind) {
      completion.takes_any = completion.takes_any || item.word == "REGEX";
      add_values(completion.candidates, item, partial, names);
    } else {
      completion.candidates.push_back({item.word, item.help, true});
    }
  }
  std::vector<std::string> words;
  bool described = false;
  for (const Candidate& candidate : completion.candidates) {
    if (candidate.insertable) words.push_back(candidate.word);
    described = described || !candidate.insertable;
  }
  if (words.empty() || (described && partial.empty())) return completion;
  const std::string common = common_beginning(words);
  completion.insert = common.substr(std::min(common.size(), partial.size()));
  const bool folder = words.front().back() == '/';  // of a file: its name goes on
  if (words.size() == 1 && !folder) completion.insert += ' ';
  return completion;
}

std::string describe(const Completion& completion) {
  Table table;
  table.right = {false, false};
  for (const Candidate& candidate : completion.candidates) {
    table.rows.push_back({"  " + candidate.word, candidate.help});
  }
  if (completion.may_end) table.rows.push_back({"  <Enter>", "runs the command"});
  if (table.rows.empty()) return "  nothing fits here\n";
  return render({{table}});
}

}  // namespace fairlead::cli
