// SPDX-License-Identifier: BSD-3-Clause
// docs/traps.md names a row or a test for every trap: they exist.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "tests/packet/packet_case.hh"

namespace fairlead::packet_table {
namespace {

const std::filesystem::path kRoot = FL_SOURCE_ROOT;

std::string page() {
  std::ifstream in(kRoot / "docs/traps.md");
  return {std::istreambuf_iterator<char>(in), {}};
}

std::set<std::string> found(const std::string& text, const std::regex& pattern) {
  std::set<std::string> out;
  const auto end = std::sregex_iterator();
  for (auto it = std::sregex_iterator(text.begin(), text.end(), pattern); it != end; ++it)
    out.insert((*it)[1].str());
  return out;
}

TEST(TrapTable, EverySentenceIsARow) {
  std::set<std::string> rows;
  for (const PacketCase& row : all_cases()) rows.insert(row.says);

  const auto named = found(page(), std::regex(R"re("((?:[^"\\]|\\.)+\.)")re"));

  EXPECT_GE(named.size(), 50U) << "the page was not read as it is written";
  for (std::string sentence : named) {
    sentence = std::regex_replace(sentence, std::regex(R"(\\")"), "\"");
    EXPECT_TRUE(rows.contains(sentence)) << sentence;
  }
}

TEST(TrapTable, EveryTestExists) {
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kRoot / "tests"))
    files.insert(entry.path().stem().string());

  const auto named = found(page(), std::regex("`([a-z0-9_]+_(?:test|bench|property))`"));

  EXPECT_GE(named.size(), 10U);
  for (const std::string& test : named) EXPECT_TRUE(files.contains(test)) << test;
}

// A trap without anything that guards it would be a row with an empty last cell.
TEST(TrapTable, EveryTrapIsGuarded) {
  std::ifstream in(kRoot / "docs/traps.md");
  unsigned traps = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("| ", 0) != 0 || line.find("row, or test") != std::string::npos) continue;
    ++traps;
    EXPECT_FALSE(std::regex_search(line, std::regex(R"(\|\s*\|)"))) << line;
  }
  EXPECT_GE(traps, 45U);
}

}  // namespace
}  // namespace fairlead::packet_table
