// SPDX-License-Identifier: BSD-3-Clause
// A real BIRD: its protocols are switched, also after it was started anew.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "control/routes/announcer.hh"
#include "control/routes/bird.hh"
#include "tests/testing/eventually.hh"

namespace fairlead::routes {
namespace {

using testing::eventually;

class BirdTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("PATH=$PATH:/usr/sbin command -v bird birdc >/dev/null") != 0)
      GTEST_SKIP() << "no bird (Debian: bird2)";
    const char* path = std::getenv("PATH");
    ::setenv("PATH", (std::string(path == nullptr ? "" : path) + ":/usr/sbin").c_str(), 1);
    char folder[] = "/tmp/fairlead-bird-XXXXXX";
    folder_ = ::mkdtemp(folder);
    std::ofstream(folder_ + "/bird.conf")
        << "router id 192.0.2.11;\nprotocol device {}\n"
           "protocol static fairlead4 { disabled; ipv4; route 203.0.113.10/32 blackhole; }\n"
           "protocol static fairlead6 { disabled; ipv6; route 2001:db8:113::10/128 blackhole; }\n"
           "protocol static unrelated { disabled; ipv4; route 198.51.100.0/24 blackhole; }\n";
    start();
  }
  void TearDown() override {
    stop();
    if (!folder_.empty()) (void)std::system(("rm -rf " + folder_).c_str());
  }
  void start() {
    pid_ = ::fork();
    if (pid_ == 0) {
      const std::string log = folder_ + "/log";
      if (std::freopen(log.c_str(), "w", stderr) == nullptr) ::_exit(126);
      const std::string config = folder_ + "/bird.conf";
      const std::string socket = folder_ + "/ctl";
      const std::string pid_file = folder_ + "/pid";
      const char* const arguments[] = {
          "bird",
          "-f",
          "-c",
          config.c_str(),
          "-s",
          socket.c_str(),
          "-P",
          pid_file.c_str(),
          nullptr};
      ::execvp("bird", const_cast<char* const*>(arguments));
      ::_exit(127);
    }
    ASSERT_TRUE(eventually([&] { return answers(); }));
  }
  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  /// It answers at all.
  [[nodiscard]] bool answers() const {
    const auto done = switch_bird(socket(), "no_such_*", true);
    return !done && done.error().code == base::ErrorCode::kNotFound;
  }
  [[nodiscard]] std::string socket() const { return folder_ + "/ctl"; }
  /// Prefixes that BIRD has.
  [[nodiscard]] std::string prefixes() const {
    std::string out;
    const std::string command = "birdc -s " + socket() + " show route 2>/dev/null";
    std::FILE* pipe = ::popen(command.c_str(), "r");
    char line[512];
    while (pipe != nullptr && std::fgets(line, sizeof line, pipe) != nullptr) {
      for (const char* prefix : {"203.0.113.10/32", "2001:db8:113::10/128", "198.51.100.0/24"})
        if (std::string(line).rfind(prefix, 0) == 0) out += std::string(prefix) + " ";
    }
    if (pipe != nullptr) ::pclose(pipe);
    return out;
  }

  std::string folder_;
  pid_t pid_ = -1;
};

TEST_F(BirdTest, ProtocolsThatMatchAreSwitchedAndNoOthers) {
  EXPECT_EQ(prefixes(), "");
  for (int twice = 0; twice < 2; ++twice) EXPECT_TRUE(switch_bird(socket(), "fairlead*", true));
  EXPECT_TRUE(eventually([&] { return prefixes() == "203.0.113.10/32 2001:db8:113::10/128 "; }))
      << prefixes();
  EXPECT_TRUE(switch_bird(socket(), "fairlead*", false));
  EXPECT_TRUE(eventually([&] { return prefixes().empty(); }));
  stop();
  EXPECT_EQ(switch_bird(socket(), "fairlead*", true).error().code, base::ErrorCode::kUnavailable);
}

TEST_F(BirdTest, OneThatWasStartedAnewIsToldAgain) {
  Announcer announcer({socket(), "fairlead4", "", "lb1"}, [] {});
  EXPECT_FALSE(announcer.state().known) << "nothing is said before it is known what";
  announcer.announce();
  EXPECT_TRUE(eventually([&] { return prefixes() == "203.0.113.10/32 "; }));
  EXPECT_TRUE(eventually([&] { return announcer.state().announced; }));
  stop();
  EXPECT_TRUE(eventually([&] { return !announcer.state().error.empty(); }));
  start();
  EXPECT_TRUE(eventually([&] { return prefixes() == "203.0.113.10/32 "; }));
  announcer.withdraw("leaving");
  EXPECT_TRUE(eventually([&] { return prefixes().empty() && !announcer.state().announced; }));
}

}  // namespace
}  // namespace fairlead::routes
