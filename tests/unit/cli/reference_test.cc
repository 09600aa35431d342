// SPDX-License-Identifier: BSD-3-Clause
// The documents agree with the grammar: the reference is up to date, every example parses.
#include "control/cli/reference.hh"

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

TEST(Reference, EveryShellExampleOfTheDocumentsParses) {
  std::size_t seen = 0;
  for (const char* name : {"cli.md", "control-socket.md"}) {
    for (const std::string& line : fenced(document(name), "console")) {
      if (line.rfind("$ fairlead", 0) != 0) continue;
      ++seen;
      std::istringstream in(line.substr(10));
      std::vector<std::string> words;
      for (std::string word; in >> word;) words.push_back(word);
      const auto options = parse_options(words, "");
      ASSERT_TRUE(options) << line << ": " << options.error().what;
      const auto tokens = tokens_of(options->words);
      ASSERT_TRUE(tokens) << line;
      EXPECT_TRUE(parse(*tokens)) << line;
    }
  }
  EXPECT_GE(seen, 4U);
}

TEST(Reference, EveryCommandOfTheGrammarIsInTheProtocolDocument) {
  const std::string text = document("control-socket.md");

  for (const Pattern& pattern : command_patterns()) {
    if (pattern.rule->target == Target::kLocal) continue;
    EXPECT_NE(text.find("`" + pattern.name + "`"), std::string::npos) << pattern.name;
  }
}

}  // namespace
}  // namespace fairlead::cli
