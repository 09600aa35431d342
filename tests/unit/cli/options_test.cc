// SPDX-License-Identifier: BSD-3-Clause
// The command line.
#include "control/cli/options.hh"

#include <gtest/gtest.h>

namespace fairlead::cli {
namespace {

TEST(Options, StandAnywhereAndEndAtTwoDashes) {
  const auto options = parse_options({"show", "--json", "vip", "--timeout=2s", "--", "--odd"}, "");

  ASSERT_TRUE(options) << options.error().what;
  EXPECT_EQ(options->words, (std::vector<std::string>{"show", "vip", "--odd"}));
  EXPECT_TRUE(options->settings.json);
  EXPECT_EQ(options->settings.timeout, std::chrono::milliseconds(2000));
}

TEST(Options, WordsOfIpvsadmAreNoOptions) {
  const auto options = parse_options({"--json", "ipvs", "-L", "-n", "--stats"}, "");

  ASSERT_TRUE(options) << options.error().what;
  EXPECT_EQ(options->words, (std::vector<std::string>{"ipvs", "-L", "-n", "--stats"}));
}

TEST(Options, EnvironmentCountsOnlyIfNoOptionNamesAPlace) {
  EXPECT_EQ(parse_options({}, "/e")->settings.selection.socket, "/e");
  EXPECT_EQ(parse_options({"--node", "lb1"}, "/e")->settings.selection.socket, "");
}

TEST(Options, MistakesAreNamed) {
  struct Case {
    std::vector<std::string> arguments;
    const char* message;
  };
  const Case cases[] = {
      {{"--jsno"}, "unknown option '--jsno', did you mean '--json'?"},
      {{"-x"}, "unknown option '-x', did you mean '-f'?"},
      {{"--zzzzzzzz"}, "unknown option '--zzzzzzzz'; --help lists them"},
      {{"-f"}, "-f: FILE is missing"},
      {{"-f", "a", "show", "vip"}, "give -f FILE or a command, not both"},
      {{"-f", "a", "-f", "b"}, "-f: give one file"},
      {{"--node", "a", "--socket", "b"}, "give one of --socket, --runtime-dir and --node"},
      {{"--node", "a/b"}, "--node 'a/b': is a node's id, not a path; use --runtime-dir"},
      {{"--json=yes"}, "--json takes no value"},
      {{"--timeout", "soon"},
       "--timeout: interval 'soon': write 500ms, 2s, 1m or 1h, from 100ms to 24h"},
  };
  for (const Case& c : cases) {
    const auto options = parse_options(c.arguments, "");
    ASSERT_FALSE(options) << c.message;
    EXPECT_EQ(options.error().what, c.message);
    EXPECT_EQ(base::exit_status(options.error()), 2);
  }
}

}  // namespace
}  // namespace fairlead::cli
