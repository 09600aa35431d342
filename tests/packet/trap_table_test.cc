// SPDX-License-Identifier: BSD-3-Clause
// docs/traps.md names a row or a test for every trap: the rows run, through the pipeline and the
// gate, and the tests are among those that meson runs.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>

#include <unistd.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/packet/packet_case.hh"

namespace fairlead::packet_table {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kRoot = FL_SOURCE_ROOT;
const fs::path kBuild = FL_BUILD_ROOT;

std::string content(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::set<std::string> found(const std::string& text, const std::regex& pattern) {
  std::set<std::string> out;
  const auto end = std::sregex_iterator();
  for (auto it = std::sregex_iterator(text.begin(), text.end(), pattern); it != end; ++it)
    out.insert((*it)[1].str());
  return out;
}

std::string page() {
  return content(kRoot / "docs/traps.md");
}

std::set<std::string> sentences() {
  std::set<std::string> out;
  for (const std::string& one : found(page(), std::regex(R"re("((?:[^"\\]|\\.)+\.)")re")))
    out.insert(std::regex_replace(one, std::regex(R"(\\")"), "\""));
  return out;
}

TEST(TrapTable, EverySentenceIsARow) {
  std::set<std::string> rows;
  for (const PacketCase& row : all_cases()) rows.insert(row.says);

  const auto named = sentences();

  EXPECT_GE(named.size(), 50U) << "the page was not read as it is written";
  for (const std::string& sentence : named) EXPECT_TRUE(rows.contains(sentence)) << sentence;
}

/// What a runner of the table prints of the rows that the page names: by test name "OK", "SKIPPED"
/// or "FAILED". (Not by a report file: the gate's runner has mounts of its own.)
std::map<std::string, std::string> results_of(const fs::path& runner, const std::string& filter) {
  const std::string log = ::testing::TempDir() + "trap_rows_" + std::to_string(::getpid());
  const std::string command =
      runner.string() + " --gtest_color=no --gtest_filter='" + filter + "' >" + log + " 2>&1";
  (void)std::system(command.c_str());  // NOLINT(cert-env33-c): a program of this build
  const std::string said = content(log);
  fs::remove(log);
  std::map<std::string, std::string> results;
  const std::regex line(R"(\[ +(OK|SKIPPED|FAILED) +\] \S+\.([A-Za-z0-9_/]+))");
  const auto end = std::sregex_iterator();
  for (auto it = std::sregex_iterator(said.begin(), said.end(), line); it != end; ++it)
    results[(*it)[2].str()] = (*it)[1].str();
  return results;
}

// A row that a runner leaves out, or skips, guards nothing.
TEST(TrapTable, EveryNamedRowRuns) {
  std::set<std::string> wanted;
  std::string filter;
  const auto named = sentences();
  const auto rows = all_cases();
  for (std::size_t place = 0; place < rows.size(); ++place) {
    if (!named.contains(rows[place].says)) continue;
    const std::string test = "HasVerdictReasonAndBytes/" + test_name(place, rows[place]);
    wanted.insert(test);
    filter += (filter.empty() ? "*." : ":*.") + test;
  }
  ASSERT_EQ(wanted.size(), named.size());

  const auto pipeline = results_of(kBuild / "tests/packet/packet_table_test", filter);
  for (const std::string& test : wanted) {
    const auto result = pipeline.find(test);
    EXPECT_EQ(result == pipeline.end() ? "not run" : result->second, "OK") << test;
  }
  if (::geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
  const auto gate = results_of(kBuild / "tests/packet/gate_table_test", filter);
  for (const std::string& test : wanted) {
    const auto result = gate.find(test);
    EXPECT_EQ(result == gate.end() ? "not run" : result->second, "OK") << test << " (gate)";
  }
}

json meson_info(const char* what) {
  return json::parse(content(kBuild / "meson-info" / (std::string("intro-") + what + ".json")));
}

/// The names of a target's sources, also where several are compiled together.
void add_sources(const fs::path& source, std::set<std::string>& stems) {
  stems.insert(source.stem().string());
  if (source.string().find("-unity") == std::string::npos) return;
  for (const std::string& part :
       found(content(source), std::regex(R"re(#include\s*[<"]([^>"]+)[>"])re")))
    stems.insert(fs::path(part).stem().string());
}

/// Files whose code some test of meson's or scripts/bench (every tests/bench/*_bench that is built)
/// runs, and the names of those tests.
std::set<std::string> all_that_runs() {
  std::map<std::string, std::set<std::string>> sources;  // by executable
  for (const json& target : meson_info("targets"))
    for (const json& group : target["target_sources"])
      for (const char* const kind : {"sources", "generated_sources"})
        for (const json& source : group.value(kind, json::array()))
          for (const json& file : target["filename"])
            add_sources(source.get<std::string>(), sources[file]);
  std::set<std::string> out;
  for (const auto& [program, files] : sources)
    if (program.find("/tests/bench/") != std::string::npos && program.ends_with("_bench"))
      out.insert(files.begin(), files.end());
  for (const json& test : meson_info("tests")) {
    out.insert(test["name"].get<std::string>());
    for (const json& word : test["cmd"]) {
      const auto text = word.get<std::string>();
      if (const auto known = sources.find(text); known != sources.end())
        out.insert(known->second.begin(), known->second.end());
      if (fs::path(text).extension() == ".py") out.insert(fs::path(text).stem().string());
    }
  }
  return out;
}

TEST(TrapTable, EveryNamedTestRuns) {
  const std::string text = page();
  auto named = found(text, std::regex("`([a-z0-9_]+_(?:test|bench|property))`"));
  EXPECT_GE(named.size(), 10U);
  named.merge(found(text, std::regex("live test `([a-z0-9-]+)`")));

  const auto runs = all_that_runs();

  for (const std::string& test : named) EXPECT_TRUE(runs.contains(test)) << test;
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
