// SPDX-License-Identifier: BSD-3-Clause
// Which lines of which module are written.
#include "dataplane/sys/log.hh"

#include <functional>
#include <string>

#include <gtest/gtest.h>

namespace fairlead::sys {
namespace {

TEST(Log, TheModuleIsTheFolder) {
  EXPECT_EQ(module_of("../control/health/prober.cc"), "health");
  EXPECT_EQ(module_of("../control/reconcile.cc"), "control");
  EXPECT_EQ(module_of("/a/control/b/dataplane/sys/log.cc"), "sys");
  EXPECT_EQ(module_of("../ebpf/agent.cc"), "ebpf");
  EXPECT_EQ(module_of("../tests/x.cc"), "other");
}

std::string written(const std::function<void()>& act) {
  testing::internal::CaptureStderr();
  act();
  return testing::internal::GetCapturedStderr();
}

// As if a file of the health checks logged: this one's folder logs nothing else.
// clang-format off
#line 100 "../control/health/prober.cc"
// clang-format on
std::string at(LogLevel level) {
  return written([level] { log(level, "text"); });
}

TEST(Log, AModulesLevelGoesBeforeTheGeneralOne) {
  ASSERT_TRUE(set_log("warn", ""));
  EXPECT_EQ(at(LogLevel::kInfo), "");
  EXPECT_NE(at(LogLevel::kWarn).find(" warning health: text\n"), std::string::npos);
  ASSERT_TRUE(set_log("debug", "health"));
  EXPECT_NE(at(LogLevel::kDebug), "");
  EXPECT_TRUE(would_log(LogLevel::kDebug));
  ASSERT_TRUE(set_log("error", "health"));
  EXPECT_EQ(at(LogLevel::kWarn), "");
  ASSERT_TRUE(set_log("debug", ""));
  EXPECT_EQ(at(LogLevel::kWarn), "");
  EXPECT_FALSE(would_log(LogLevel::kWarn));
  ASSERT_TRUE(set_log("default", ""));
}

TEST(Log, DefaultTakesLevelsBack) {
  ASSERT_TRUE(set_log("debug", "health"));
  ASSERT_TRUE(set_log("default", "health"));
  EXPECT_EQ(at(LogLevel::kDebug), "");

  ASSERT_TRUE(set_log("debug", "health"));
  ASSERT_TRUE(set_log("error", ""));
  ASSERT_TRUE(set_log("default", ""));
  EXPECT_EQ(at(LogLevel::kDebug), "");
  EXPECT_NE(at(LogLevel::kInfo), "") << "the level of the start";
}

TEST(Log, UnknownWordsAreRefusedAndKnownOnesNamed) {
  const auto module = set_log("debug", "helth");
  const auto level = set_log("loud", "");

  ASSERT_FALSE(module || level);
  EXPECT_NE(
      module.error().what.find("no module 'helth' logs anything; known: api, "), std::string::npos
  ) << module.error().what;
  EXPECT_NE(
      level.error().what.find("none of error, warn, info, debug, default"), std::string::npos
  );
}

}  // namespace
}  // namespace fairlead::sys
