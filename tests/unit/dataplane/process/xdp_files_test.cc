// SPDX-License-Identifier: BSD-3-Clause
// Sockets, programs and maps that a driver leaves open are found and closed, and nobody else's.
#include "dataplane/xdp_files.hh"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace fairlead::dataplane {
namespace {

bool is_open(int descriptor) {
  return ::fcntl(descriptor, F_GETFD) != -1;
}

class Sockets : public testing::Test {
 protected:
  void SetUp() override {
    other_ = ::socket(AF_XDP, SOCK_RAW, 0);
    if (other_ < 0) GTEST_SKIP() << "needs CAP_NET_RAW and a kernel with AF_XDP";
    others_ = XdpFiles::of_this_process();
    ours_ = ::socket(AF_XDP, SOCK_RAW, 0);
    udp_ = ::socket(AF_INET, SOCK_DGRAM, 0);
  }
  void TearDown() override {
    for (const int descriptor : {other_, ours_, udp_}) ::close(descriptor);
  }
  int other_ = -1;
  int ours_ = -1;
  int udp_ = -1;
  XdpFiles others_;
};

TEST_F(Sockets, ThatAppearedAreClosedAndThoseThatWereThereAreNot) {
  XdpFiles appeared;
  appeared.add(XdpFiles::of_this_process().without(others_));
  EXPECT_EQ(appeared.count(), 1U);

  appeared.close_those_left();

  EXPECT_FALSE(is_open(ours_));
  EXPECT_TRUE(is_open(other_));
  EXPECT_TRUE(is_open(udp_));
  EXPECT_EQ(appeared.count(), 0U);
}

TEST_F(Sockets, WhoseNumberIsAnotherFileNowAreLeftAlone) {
  for (const int domain : {AF_INET, AF_XDP}) {
    XdpFiles appeared = XdpFiles::of_this_process().without(others_);
    ASSERT_EQ(appeared.count(), 1U);
    const int fresh = ::socket(domain, domain == AF_XDP ? SOCK_RAW : SOCK_DGRAM, 0);
    ASSERT_EQ(::dup2(fresh, ours_), ours_);
    ::close(fresh);

    appeared.close_those_left();

    EXPECT_TRUE(is_open(ours_));
    ::close(ours_);
    ours_ = ::socket(AF_XDP, SOCK_RAW, 0);
  }
}

int make_map() {
  union bpf_attr attributes {};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = 4;
  attributes.value_size = 8;
  attributes.max_entries = 1;
  return static_cast<int>(::syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes));
}

TEST(Maps, AreToldApartByTheirNumbersNotByTheirInodes) {
  const int other = make_map();
  if (other < 0) GTEST_SKIP() << "needs CAP_BPF";
  const XdpFiles others = XdpFiles::of_this_process();
  const int ours = make_map();
  const int lost = make_map();
  XdpFiles appeared = XdpFiles::of_this_process().without(others);
  EXPECT_EQ(appeared.count(), 2U);
  const int fresh = make_map();
  ASSERT_EQ(::dup2(fresh, lost), lost);  // its number is another map's now

  appeared.close_those_left();

  EXPECT_FALSE(is_open(ours));
  for (const int left : {other, lost, fresh}) {
    EXPECT_TRUE(is_open(left));
    ::close(left);
  }
}

}  // namespace
}  // namespace fairlead::dataplane
