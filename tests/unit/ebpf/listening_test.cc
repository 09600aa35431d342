// SPDX-License-Identifier: BSD-3-Clause
// SYNs to a port whose listener has gone: dropped for a while, in every encapsulation; everything
// else as ever. Real listeners, in a network namespace of the test's own.
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include "dataplane/sys/unique_fd.hh"
#include "ebpf/decap.skel.h"
#include "ebpf/include/counters.h"
#include "ebpf/include/sources.h"
#include "tests/unit/ebpf/program_run.hh"

namespace fairlead::testing {
namespace {

constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kAck = 0x10;
const std::string kNode4 = "192.0.2.11";
const std::string kNode6 = "2001:db8::11";
const std::string kClient4 = "198.51.100.7";
const std::string kClient6 = "2001:db8:c::7";
const std::string kVip4 = "203.0.113.10";
const std::string kVip6 = "2001:db8:1::10";

/// One socket for both families, as most servers have.
sys::UniqueFd listen_on_port_80() {
  sys::UniqueFd fd(::socket(AF_INET6, SOCK_STREAM, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(80);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
  EXPECT_EQ(::listen(fd.get(), 4), 0);
  return fd;
}

Bytes segment4(std::uint8_t flags) {
  Bytes b = tcp(41000, 80);
  b[13] = flags;
  return ip4(kClient4, kVip4, 6, b);
}
Bytes segment6(std::uint8_t flags) {
  Bytes b = tcp(41000, 80);
  b[13] = flags;
  return ip6(kClient6, kVip6, 6, b);
}

/// The same segment in every tunnel that there is.
std::vector<Bytes> in_all_tunnels(std::uint8_t flags) {
  const Bytes four = segment4(flags);
  const Bytes six = segment6(flags);
  const std::string self4 = "10.0.0.1";
  const std::string self6 = "2001:db8:b::1";
  return {
      ethernet(kIpv4Type, ip4(kNode4, self4, 4, four)),
      ethernet(kIpv4Type, ip4(kNode4, self4, 4, four), {7}),
      ethernet(kIpv4Type, ip4(kNode4, self4, 41, six)),
      ethernet(kIpv6Type, ip6(kNode6, self6, 4, four)),
      ethernet(kIpv6Type, ip6(kNode6, self6, 41, six)),
      ethernet(kIpv4Type, ip4(kNode4, self4, 17, gue(4, {}, four))),
      ethernet(kIpv4Type, ip4(kNode4, self4, 17, gue(4, {"10.0.0.2"}, four))),
      ethernet(kIpv6Type, ip6(kNode6, self6, 17, gue(41, {}, six))),
  };
}

class Listening : public ::testing::Test {
 protected:
  void SetUp() override {
    FL_SKIP_UNLESS_ROOT();
    if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
    const std::string hosts = "ip link set lo up && ip addr add " + kVip4 +
                              "/32 dev lo && ip addr add " + kVip6 + "/128 dev lo nodad";
    ASSERT_EQ(std::system(hosts.c_str()), 0);
    std::size_t bytes = 0;
    const void* const elf = decap_bpf__elf_bytes(&bytes);
    program_ = std::make_unique<LoadedProgram>(elf, bytes, "fl_decap", "fl_decap_count");
    program_->set_vips({
        {*net::Prefix::parse(kVip4), net::IpProto::kTcp, 80},
        {*net::Prefix::parse(kVip6), net::IpProto::kTcp, 80},
    });
    for (const auto& node : {kNode4, kNode6}) {
      const auto address = net::IpAddr::parse(node).value();
      fl_source_key key{};
      key.prefix_bits = FL_SOURCE_FAMILY_BITS + static_cast<std::uint32_t>(address.bits());
      key.family = static_cast<std::uint32_t>(address.family);
      std::memcpy(key.address, address.bytes.data(), 16);
      const std::uint32_t kind = FL_SOURCE_NODE;
      ASSERT_EQ(bpf_map_update_elem(program_->map("fl_sources"), &key, &kind, BPF_ANY), 0);
    }
  }

  void expect_all(std::uint8_t flags, xdp_action verdict, bool counted) {
    for (const Bytes& frame : in_all_tunnels(flags)) {
      const auto before = program_->count(FL_DECAP_NO_LISTENER);
      EXPECT_EQ(program_->run(frame).verdict, static_cast<std::uint32_t>(verdict));
      EXPECT_EQ(program_->count(FL_DECAP_NO_LISTENER), before + (counted ? 1 : 0));
    }
  }

  std::unique_ptr<LoadedProgram> program_;
};

TEST_F(Listening, WhereNobodyEverListenedTheKernelRefuses) {
  expect_all(kSyn, XDP_PASS, false);
}

TEST_F(Listening, ASynIsDroppedOnceItsListenerHasGone) {
  {
    const sys::UniqueFd listener = listen_on_port_80();
    expect_all(kSyn, XDP_PASS, false);
  }
  expect_all(kSyn, XDP_DROP, true);
  const sys::UniqueFd again = listen_on_port_80();
  expect_all(kSyn, XDP_PASS, false);
}

TEST_F(Listening, WhatIsNoSynIsLeftAlone) {
  {
    const sys::UniqueFd listener = listen_on_port_80();
    expect_all(kSyn, XDP_PASS, false);
  }
  for (const Bytes& frame : in_all_tunnels(kAck)) (void)program_->run(frame);
  for (const Bytes& frame : in_all_tunnels(kSyn | kAck)) (void)program_->run(frame);
  EXPECT_EQ(program_->count(FL_DECAP_NO_LISTENER), 0U);
}

TEST_F(Listening, AfterAWhileTheKernelRefusesAgain) {
  {
    const sys::UniqueFd listener = listen_on_port_80();
    expect_all(kSyn, XDP_PASS, false);
  }
  // As if it were long ago.
  const int map = program_->map("fl_listened");
  std::uint8_t key[24];
  unsigned seen = 0;
  for (const void* at = nullptr; bpf_map_get_next_key(map, at, key) == 0; at = key, ++seen) {
    const std::uint64_t then = 1;
    ASSERT_EQ(bpf_map_update_elem(map, key, &then, BPF_EXIST), 0);
  }
  EXPECT_EQ(seen, 2U);  // one for each vip
  expect_all(kSyn, XDP_PASS, false);
}

}  // namespace
}  // namespace fairlead::testing
