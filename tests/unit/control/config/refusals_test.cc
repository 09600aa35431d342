// SPDX-License-Identifier: BSD-3-Clause
// Bad configurations and the one line that each gets.
#include "tests/unit/control/config/refusals.hh"

#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "control/config/config.hh"

namespace fairlead::config {
namespace {

class Refusals : public testing::TestWithParam<Refusal> {};

TEST_P(Refusals, GetTheirOneLine) {
  const auto c = parse_config(GetParam().yaml, "c.yaml");

  ASSERT_FALSE(c) << "was accepted";
  EXPECT_EQ(c.error().what, GetParam().message);
  EXPECT_EQ(base::exit_status(c.error()), 2);
  EXPECT_EQ(c.error().what.find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(All, Refusals, testing::ValuesIn(kRefusals));

TEST(RefusedFiles, MissingFileNamesThePath) {
  const auto c = load_config("no/such/file.yaml");

  ASSERT_FALSE(c);
  EXPECT_EQ(
      c.error().what, "no/such/file.yaml:1: cannot read: No such file or directory, check the path"
  );
  EXPECT_EQ(base::exit_status(c.error()), 2);
}

TEST(RefusedFiles, FolderIsNoFile) {
  const auto c = load_config("/");

  ASSERT_FALSE(c);
  EXPECT_EQ(c.error().what, "/:1: is not a file, name a YAML file");
}

TEST(RefusedFiles, TruncationAnywhereNeverCrashes) {
  const std::string whole = VIP "node: {id: lb1, address: 192.0.2.1}\nhealth: {interval: 1s}\n";

  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto c = parse_config(whole.substr(0, length), "c.yaml");
    if (!c) {
      EXPECT_EQ(c.error().what.rfind("c.yaml:", 0), 0U) << c.error().what;
    }
  }
}

}  // namespace
}  // namespace fairlead::config
