// SPDX-License-Identifier: BSD-3-Clause
// Bad configurations and the one line that each gets.
#include <fstream>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "control/config/config.hh"
#include "tests/unit/control/config/health_refusals.hh"
#include "tests/unit/control/config/quic_refusals.hh"
#include "tests/unit/control/config/refusals_doubtful.hh"

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
INSTANTIATE_TEST_SUITE_P(Health, Refusals, testing::ValuesIn(kHealthRefusals));
INSTANTIATE_TEST_SUITE_P(Quic, Refusals, testing::ValuesIn(kQuicRefusals));
INSTANTIATE_TEST_SUITE_P(Doubtful, Refusals, testing::ValuesIn(kDoubtful));

TEST(RefusedPools, MoreBackendsThanSlots) {
  std::string text =
      "vips: [{name: web, address: 203.0.113.10, port: 80, table_size: 251, backends: [";
  for (int i = 0; i < 252; ++i) {
    text += "{id: b" + std::to_string(i) + ", address: 10.0.1." + std::to_string(i) + "},";
  }
  const auto c = parse_config(text + "]}]\n", "c.yaml");

  ASSERT_FALSE(c);
  EXPECT_EQ(
      c.error().what,
      "c.yaml:1: vips[0].table_size: 252 backends do not fit 251 slots, choose a larger one or "
      "leave "
      "the key out"
  );
}

TEST(RefusedFiles, MissingFileNamesThePath) {
  const auto c = load_config("no/such/file.yaml");

  ASSERT_FALSE(c);
  EXPECT_EQ(
      c.error().what, "no/such/file.yaml: cannot read: No such file or directory, check the path"
  );
  EXPECT_EQ(base::exit_status(c.error()), 2);
}

TEST(RefusedFiles, FolderIsNoFile) {
  const auto c = load_config("/");

  ASSERT_FALSE(c);
  EXPECT_EQ(c.error().what, "/: is not a regular file, name a YAML file");
}

TEST(RefusedFiles, WhatHasNoEndIsNotRead) {
  for (const char* path : {"/dev/zero", "/dev/null", "/dev/stdin"}) {
    const auto c = load_config(path);
    ASSERT_FALSE(c) << path;
    EXPECT_EQ(base::exit_status(c.error()), 2);
  }
  EXPECT_EQ(
      load_config("/dev/zero").error().what, "/dev/zero: is not a regular file, name a YAML file"
  );
}

TEST(RefusedFiles, APipeWithoutWriterDoesNotHoldTheReader) {
  const std::string path = testing::TempDir() + "fairlead-pipe-" + std::to_string(::getpid());
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const auto c = load_config(path);
  ::unlink(path.c_str());

  ASSERT_FALSE(c);
  EXPECT_EQ(c.error().what, path + ": is not a regular file, name a YAML file");
}

TEST(RefusedFiles, AnEmptyPathIsTold) {
  EXPECT_EQ(load_config("").error().what, "the path of an input is empty, name a YAML file");
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
