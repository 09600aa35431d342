// SPDX-License-Identifier: BSD-3-Clause
// The documents agree with the grammar: the reference is up to date, every example parses.
#include "control/cli/reference.hh"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "control/cli/options.hh"
#include "control/cli/parse.hh"

namespace fairlead::cli {
namespace {

std::string document(const std::string& name) {
  std::ifstream in(std::string(FL_DOCS) + "/" + name);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// The lines inside ``` fences of one language.
std::vector<std::string> fenced(const std::string& text, const std::string& language) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  std::string line;
  bool inside = false;
  while (std::getline(in, line)) {
    if (line.rfind("```", 0) == 0) {
      inside = !inside && line == "```" + language;
    } else if (inside) {
      lines.push_back(line);
    }
  }
  return lines;
}

TEST(Reference, IsUpToDateInTheDocument) {
  const std::string text = document("cli.md");
  const std::string begin = "<!-- generated begin -->\n";
  const std::size_t from = text.find(begin);
  const std::size_t to = text.find("<!-- generated end -->");

  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  EXPECT_EQ(text.substr(from + begin.size(), to - from - begin.size()), reference_markdown())
      << "put the output of `fairlead --reference` between the marks of docs/cli.md";
}

TEST(Reference, EveryExampleLineOfTheDocumentParses) {
  const std::vector<std::string> lines = fenced(document("cli.md"), "fairlead");

  ASSERT_GE(lines.size(), 15U);
  for (const std::string& line : lines) {
    const auto tokens = tokenize(line);
    ASSERT_TRUE(tokens) << line;
    const auto parsed = parse(*tokens);
    EXPECT_TRUE(parsed) << line << ": " << parsed.error().what;
  }
}

/// `line` as a shell cuts it; empty: it is none of ours.
std::vector<std::string> shell_words(std::string line) {
  const std::size_t at = line.find("fairlead ");
  const std::string before = line.substr(0, at);
  const bool ours = before.empty() || before == "$ " || before == "build/" ||
                    before == "$ build/" || before == "sudo " || before == "$ sudo ";
  if (at == std::string::npos || !ours) return {};
  line.erase(0, at + 9);
  if (const std::size_t comment = line.find(" #"); comment != std::string::npos)
    line.erase(comment);
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  bool any = false;
  for (const char c : line + " ") {
    if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
      any = true;
    } else if (quote == 0 && c == ' ') {
      if (any) words.push_back(word);
      word.clear();
      any = false;
    } else {
      word += c;
      any = true;
    }
  }
  return words;
}

/// Every `fairlead ...` of a document: in fences, and in the text between back quotes.
std::vector<std::string> examples_of(const std::string& text) {
  std::vector<std::string> found;
  std::istringstream in(text);
  std::string line;
  bool fence = false;
  while (std::getline(in, line)) {
    if (line.rfind("```", 0) == 0) {
      fence = !fence;
    } else if (fence) {
      found.push_back(line);
    } else {
      for (std::size_t from = 0; (from = line.find("`fairlead ", from)) != std::string::npos;) {
        const std::size_t end = line.find('`', from + 1);
        if (end == std::string::npos) break;  // goes on in the next line: not looked at
        found.push_back(line.substr(from + 1, end - from - 1));
        from = end + 1;
      }
    }
  }
  return found;
}

/// Values that documents leave to the reader.
std::string filled_in(const std::string& word) {
  if (word == "N" || word == "PORT") return "1";
  if (word == "ADDRESS" || word == "[gateway") return "192.0.2.1";
  return word;
}

TEST(Reference, EveryExampleOfTheDocumentsParses) {
  std::size_t seen = 0;
  std::vector<std::filesystem::path> documents = {std::string(FL_DOCS) + "/../README.md"};
  for (const auto& entry : std::filesystem::directory_iterator(FL_DOCS))
    if (entry.path().extension() == ".md") documents.push_back(entry.path());
  for (const auto& path : documents) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    for (const std::string& line : examples_of(text.str())) {
      std::vector<std::string> words = shell_words(line);
      if (words.empty()) continue;
      for (std::string& word : words) word = filled_in(word);
      const bool pattern =
          line.find('[') != std::string::npos && line.find("]:") == std::string::npos;
      if (pattern) continue;  // "[gateway ADDRESS]": a pattern, not an example
      ++seen;
      const auto options = parse_options(words, "");
      ASSERT_TRUE(options) << path << ": " << line << ": " << options.error().what;
      const auto tokens = tokens_of(options->words);
      ASSERT_TRUE(tokens) << path << ": " << line;
      const auto parsed = parse(*tokens);
      EXPECT_TRUE(parsed) << path << ": " << line << ": " << parsed.error().what;
    }
  }
  EXPECT_GE(seen, 15U);
}

TEST(Reference, TheManualPageHasEveryCommand) {
  const std::string page = manual_page();

  EXPECT_EQ(page.rfind(".TH FAIRLEAD 1", 0), 0U);
  for (const Pattern& pattern : command_patterns()) {
    EXPECT_NE(
        page.find("\n.B " + pattern.name.substr(0, pattern.name.find('-'))), std::string::npos
    ) << pattern.name;
  }
}

TEST(Reference, WhatChangesSomethingIsForAdmins) {
  for (const Pattern& pattern : command_patterns()) {
    const bool shows = pattern.name.rfind("show", 0) == 0;
    const bool asks_control = pattern.rule->target == Target::kControl;
    const bool secret = pattern.name.rfind("show config", 0) == 0;
    if (!asks_control || secret) continue;
    const bool reads = shows || pattern.name == "lookup" || pattern.name == "config diff";
    EXPECT_EQ(role_of(pattern) == Role::kReader, reads) << pattern.name;
  }
}

TEST(Reference, EveryCommandOfTheGrammarIsInTheProtocolDocument) {
  const std::string text = document("control-socket.md");

  for (const Pattern& pattern : command_patterns()) {
    if (pattern.rule->target == Target::kLocal) continue;
    EXPECT_NE(text.find("`" + pattern.method + "`"), std::string::npos) << pattern.name;
  }
}

}  // namespace
}  // namespace fairlead::cli
