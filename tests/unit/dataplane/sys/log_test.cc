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

/// This file's lines are of module `sys`: it lies in such a folder.
std::string written(const std::function<void()>& act) {
  testing::internal::CaptureStderr();
  act();
  return testing::internal::GetCapturedStderr();
}

TEST(Log, AModulesLevelGoesBeforeTheGeneralOne) {
  set_log_level(LogLevel::kWarn);
  EXPECT_EQ(written([] { log_info("unseen"); }), "");
  EXPECT_NE(written([] { log_warn("seen"); }).find("seen"), std::string::npos);
  set_module_level("sys", LogLevel::kDebug);
  EXPECT_NE(written([] { log_debug("seen"); }).find("seen"), std::string::npos);
  set_module_level("sys", LogLevel::kError);
  EXPECT_EQ(written([] { log_warn("unseen"); }), "");
  set_log_level(LogLevel::kDebug);
  EXPECT_EQ(written([] { log_warn("unseen"); }), "");
  set_module_level("sys", LogLevel::kInfo);
  set_log_level(LogLevel::kInfo);
}

}  // namespace
}  // namespace fairlead::sys
