// SPDX-License-Identifier: BSD-3-Clause
// The command line: what is accepted, and one line for what is not.
#include "dataplane/options.hh"

#include <gtest/gtest.h>

namespace fairlead::dataplane {
namespace {

base::Result<Options> parse(std::vector<const char*> args) {
  args.insert(args.begin(), "fairlead-dataplane");
  return parse_options(static_cast<int>(args.size()), args.data());
}

TEST(Options, ReplayTakesItsFiles) {
  const auto o =
      parse({"--replay", "a.pcap", "--out", "b.pcap", "--config", "c.yaml", "--decisions", "d.csv"}
      );

  ASSERT_TRUE(o);
  ASSERT_TRUE(o->replay);
  EXPECT_EQ(o->replay->in, "a.pcap");
  EXPECT_EQ(o->replay->out, "b.pcap");
  EXPECT_EQ(o->replay->decisions, "d.csv");
  EXPECT_EQ(o->replay->clock, ReplayClock::kFixed);
}

TEST(Options, WordsAreTaken) {
  const auto o =
      parse({"--replay", "a", "--out", "b", "--config", "c", "--clock", "pcap", "--hugepages", "on"}
      );

  ASSERT_TRUE(o);
  EXPECT_EQ(o->replay->clock, ReplayClock::kPcap);
  EXPECT_EQ(o->hugepages, Hugepages::kOn);
}

TEST(Options, HelpAndVersionAreText) {
  EXPECT_NE(parse({"--help"})->text.find("--replay"), std::string::npos);
  EXPECT_EQ(parse({"--version"})->text.rfind("fairlead-dataplane ", 0), 0U);
}

struct Bad {
  const char* says;
  std::vector<const char*> args;
  const char* message;
};

class BadOptions : public testing::TestWithParam<Bad> {};

TEST_P(BadOptions, GiveOneLineAndExitStatusTwo) {
  const auto o = parse(GetParam().args);

  ASSERT_FALSE(o) << GetParam().says;
  EXPECT_EQ(base::exit_status(o.error()), 2);
  EXPECT_EQ(o.error().what.find('\n'), std::string::npos);
  EXPECT_NE(o.error().what.find(GetParam().message), std::string::npos) << o.error().what;
}

INSTANTIATE_TEST_SUITE_P(
    Cases,
    BadOptions,
    testing::Values(
        Bad{"nothing at all", {}, "--config is missing"},
        Bad{"unknown option", {"--config", "c", "--rply", "x"}, "--rply"},
        Bad{"stray word", {"--config", "c", "web"}, "web"},
        Bad{"value missing", {"--config"}, "--config"},
        Bad{"replay without --out", {"--config", "c", "--replay", "a"}, "--out is missing"},
        Bad{"--out without replay", {"--config", "c", "--out", "b"}, "belong to a replay"},
        Bad{"--clock without replay", {"--config", "c", "--clock", "pcap"}, "belong to a replay"},
        Bad{"same file in and out", {"--config", "c", "--replay", "a", "--out", "a"}, "same file"},
        Bad{"output over the configuration",
            {"--config", "c", "--replay", "a", "--out", "c"},
            "would overwrite it"},
        Bad{"decisions over out",
            {"--config", "c", "--replay", "a", "--out", "b", "--decisions", "b"},
            "same file as --out"},
        Bad{"answers over out",
            {"--config", "c", "--replay", "a", "--out", "b", "--answers", "b"},
            "same file as --out"},
        Bad{"--mtu without replay", {"--config", "c", "--mtu", "1500"}, "belong to a replay"},
        Bad{"an impossible MTU",
            {"--config", "c", "--replay", "a", "--out", "b", "--mtu", "67"},
            "--mtu"},
        Bad{"unknown clock",
            {"--config", "c", "--replay", "a", "--out", "b", "--clock", "wall"},
            "wall"},
        Bad{"unknown page kind", {"--config", "c", "--hugepages", "maybe"}, "maybe"},
        Bad{"a number for a word", {"--config", "c", "--hugepages", "1"}, "--hugepages"},
        Bad{"a number for a clock",
            {"--config", "c", "--replay", "a", "--out", "b", "--clock", "0"},
            "--clock"},
        Bad{"a replay that replaces",
            {"--config", "c", "--replay", "a", "--out", "b", "--replace"},
            "are for forwarding"},
        Bad{"a replay with EAL arguments",
            {"--config", "c", "--replay", "a", "--out", "b", "--eal", "-l"},
            "are for forwarding"},
        Bad{"a replay with a runtime folder",
            {"--config", "c", "--replay", "a", "--out", "b", "--runtime-dir", "d"},
            "are for forwarding"},
        Bad{"standard output", {"--config", "c", "--replay", "a", "--out", "-"}, "no file name"},
        Bad{"decisions to standard output",
            {"--config", "c", "--replay", "a", "--out", "b", "--decisions", "-"},
            "--decisions: '-' is no file name"}
    )
);

}  // namespace
}  // namespace fairlead::dataplane
