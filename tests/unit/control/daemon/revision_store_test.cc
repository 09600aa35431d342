// SPDX-License-Identifier: BSD-3-Clause
// Files that look as if they could be replaced, and cannot.
#include "control/revision_store.hh"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace fairlead::control {
namespace {

class FileToReplace : public ::testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/fairlead-replace-XXXXXX";
    ASSERT_NE(::mkdtemp(folder), nullptr);
    folder_ = folder;
    path_ = folder_ + "/fairlead.yaml";
    std::ofstream(path_) << "a\n";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
  std::string path_;
};

TEST_F(FileToReplace, AnOrdinaryOneCanBeAndIsLeftAlone) {
  EXPECT_TRUE(can_replace(path_));
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(FileToReplace, OneWithoutRoomBesideItCannot) {
  std::filesystem::create_directory(path_ + ".new");

  EXPECT_FALSE(can_replace(path_));
}

TEST_F(FileToReplace, AMountOfItsOwnCannotAndSaysWhy) {
  constexpr int kNoMounts = 77;
  const pid_t child = ::fork();
  if (child == 0) {
    const bool mounted = ::unshare(CLONE_NEWNS) == 0 &&
                         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                         ::mount(path_.c_str(), path_.c_str(), nullptr, MS_BIND, nullptr) == 0;
    if (!mounted) ::_exit(kNoMounts);
    const auto can = can_replace(path_);
    const auto done = replace_file(path_, "b\n");
    const bool told = !can && can.error().what.find("mount its folder") != std::string::npos;
    ::_exit(told && !done ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);

  if (WEXITSTATUS(status) == kNoMounts) GTEST_SKIP() << "mounts need root";
  EXPECT_EQ(status, 0) << "rename() refuses with EBUSY, and that was not seen before";
}

}  // namespace
}  // namespace fairlead::control
