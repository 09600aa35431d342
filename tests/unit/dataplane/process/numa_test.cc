// SPDX-License-Identifier: BSD-3-Clause
// Memory near a worker's core: the kernel is asked what it has been told.
#include "dataplane/numa.hh"

#include <cerrno>

#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace fairlead::dataplane {
namespace {

constexpr std::size_t kPages = 8;

class Numa : public ::testing::Test {
 protected:
  void SetUp() override {
    page_ = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    at_ = static_cast<char*>(
        ::mmap(nullptr, kPages * page_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
    );
    ASSERT_NE(at_, MAP_FAILED);
    if (policy(at_) < 0) GTEST_SKIP() << "this kernel knows no NUMA policies";
  }
  void TearDown() override { ::munmap(at_, kPages * page_); }
  /// The kernel's policy for the page at `address`.
  static int policy(const char* address, unsigned long* nodes = nullptr) {
    int mode = -1;
    unsigned long mask[2] = {};
    if (::syscall(SYS_get_mempolicy, &mode, mask, 128UL, address, MPOL_F_ADDR) != 0) return -1;
    if (nodes != nullptr) *nodes = mask[0];
    return mode;
  }
  std::size_t page_ = 0;
  char* at_ = nullptr;
};

TEST_F(Numa, WholePagesPreferTheSocketOfTheCore) {
  const int socket = socket_of_core(0);
  ASSERT_GE(socket, 0);
  ASSERT_EQ(policy(at_ + page_), MPOL_DEFAULT);

  // From the middle of a page to the middle of another: what lies between.
  ASSERT_TRUE(prefer_socket(at_ + page_ / 2, 4 * page_, socket));

  unsigned long nodes = 0;
  EXPECT_EQ(policy(at_ + page_, &nodes), MPOL_PREFERRED);
  EXPECT_EQ(nodes, 1UL << socket);
  EXPECT_EQ(policy(at_ + 3 * page_), MPOL_PREFERRED);
  EXPECT_EQ(policy(at_), MPOL_DEFAULT) << "half of it is somebody else's";
  EXPECT_EQ(policy(at_ + 4 * page_), MPOL_DEFAULT);
}

TEST_F(Numa, WhatCannotBeIsRefused) {
  EXPECT_FALSE(prefer_socket(at_ + 1, page_, 0)) << "no whole page";
  EXPECT_FALSE(prefer_socket(at_, kPages * page_, -1));
  EXPECT_FALSE(prefer_socket(at_, kPages * page_, 64));
  EXPECT_FALSE(prefer_socket(at_, kPages * page_, 63)) << "there is no such socket";
  EXPECT_EQ(policy(at_), MPOL_DEFAULT);
}

TEST_F(Numa, ACoreThatDoesNotExistIsOnTheFirstSocket) {
  EXPECT_EQ(socket_of_core(100'000), 0);
}

}  // namespace
}  // namespace fairlead::dataplane
