// SPDX-License-Identifier: BSD-3-Clause
// When the hook is called, and with what.
#include "control/routes/announcer.hh"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/testing/eventually.hh"

namespace fairlead::routes {
namespace {

using testing::eventually;

class HookTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/fairlead-hook-XXXXXX";
    folder_ = ::mkdtemp(folder);
    std::ofstream(hook()) << "#!/bin/sh\necho \"$*\" >> " << folder_ << "/calls\n[ ! -e " << folder_
                          << "/fails ]\n";
    std::filesystem::permissions(hook(), std::filesystem::perms::owner_all);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string hook() const { return folder_ + "/hook"; }
  /// How often it was called with these words; all calls if there are none.
  [[nodiscard]] int calls(const std::string& words = "") const {
    std::ifstream file(folder_ + "/calls");
    int count = 0;
    for (std::string line; std::getline(file, line);) count += words.empty() || line == words;
    return count;
  }
  [[nodiscard]] Announcer::Settings every(base::Nanoseconds time) const {
    return {"", "", hook(), "lb1", time};
  }

  std::string folder_;
};

TEST_F(HookTest, IsCalledAtChangesWithTheReason) {
  Announcer announcer(every(3600 * base::kSecond), [] {});
  announcer.announce();
  EXPECT_TRUE(eventually([&] { return announcer.state().announced; }));
  announcer.announce();
  announcer.withdraw("withdrawn by operator");
  EXPECT_TRUE(eventually([&] { return announcer.state().known && !announcer.state().announced; }));
  EXPECT_EQ(calls("announce lb1 "), 1);
  EXPECT_EQ(calls("withdraw lb1 withdrawn by operator"), 1);
  EXPECT_EQ(calls(), 2);
}

TEST_F(HookTest, IsCalledAgainSoThatARoutingDaemonStartedAnewLearnsIt) {
  Announcer announcer(every(base::kMillisecond), [] {});
  announcer.announce();
  EXPECT_TRUE(eventually([&] { return calls("announce lb1 ") >= 3; })) << calls();
  announcer.withdraw("leaving");
  EXPECT_TRUE(eventually([&] { return calls("withdraw lb1 leaving") >= 3; })) << calls();
}

TEST_F(HookTest, AFailureOfALaterCallIsToldUntilItIsOver) {
  Announcer announcer(every(base::kMillisecond), [] {});
  announcer.announce();
  EXPECT_TRUE(eventually([&] { return announcer.state().announced; }));
  std::ofstream(folder_ + "/fails");
  EXPECT_TRUE(eventually([&] {
    return announcer.state().error.find("exit status 1") != std::string::npos;
  }));
  EXPECT_TRUE(announcer.state().announced) << "what was told last stays";
  const int failed = calls();
  EXPECT_TRUE(eventually([&] { return calls() > failed; })) << "it is tried again";
  EXPECT_FALSE(announcer.state().error.empty()) << "between two attempts it is told still";
  std::filesystem::remove(folder_ + "/fails");
  EXPECT_TRUE(eventually([&] { return announcer.state().error.empty(); }));
}

}  // namespace
}  // namespace fairlead::routes
