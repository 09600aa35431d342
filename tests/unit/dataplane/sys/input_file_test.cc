// SPDX-License-Identifier: BSD-3-Clause
// What is read, and that nothing which is no file holds or fills the reader.
#include "dataplane/sys/input_file.hh"

#include <filesystem>
#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace fairlead::sys {
namespace {

std::string refusal(const std::string& path) {
  const auto opened = open_input(path, "a pcap file");
  if (opened) return "accepted";
  EXPECT_EQ(base::exit_status(opened.error()), 2);
  return opened.error().what;
}

TEST(InputFile, IsReadWhole) {
  const std::string path = testing::TempDir() + "fl-input-" + std::to_string(::getpid());
  std::ofstream(path) << std::string(100'000, 'x');
  const auto text = read_input(path, 100'000, "text");
  const auto shorter = read_input(path, 99'999, "text");
  std::filesystem::remove(path);

  ASSERT_TRUE(text);
  EXPECT_EQ(text->size(), 100'000U);
  ASSERT_FALSE(shorter);
  EXPECT_EQ(shorter.error().what, path + ":1: larger than 99999 bytes, name text");
}

TEST(InputFile, WhatIsNoFileIsRefusedAtOnce) {
  const std::string pipe = testing::TempDir() + "fl-pipe-" + std::to_string(::getpid());
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {pipe, std::string("/"), std::string("/dev/zero")}) {
    EXPECT_EQ(refusal(path), path + ": is not a regular file, name a pcap file");
  }
  std::filesystem::remove(pipe);
}

TEST(InputFile, ReasonsOfTheSystemAreTold) {
  EXPECT_EQ(
      refusal("/no/such"), "/no/such: cannot read: No such file or directory, check the path"
  );
  EXPECT_EQ(refusal(""), "the path of an input is empty, name a pcap file");
  EXPECT_NE(refusal(std::string("/etc/passwd\0x", 13)).find("zero byte"), std::string::npos);
  EXPECT_NE(refusal("/" + std::string(5000, 'a')).find("too long"), std::string::npos);
}

TEST(InputFile, WithoutASizeItIsCountedWhileItIsRead) {
  EXPECT_FALSE(read_input("/proc/self/maps", 16, "text"));
}

}  // namespace
}  // namespace fairlead::sys
