// SPDX-License-Identifier: BSD-3-Clause
// SYNs to a port whose listener has gone: dropped for a while, in every encapsulation; everything
// else as ever. Real listeners, in a network namespace of the test's own.
#include <netinet/in.h>
#include <sys/socket.h>

#include "dataplane/sys/unique_fd.hh"
#include "ebpf/include/counters.h"
#include "tests/unit/ebpf/decap_backend.hh"

namespace fairlead::testing {
namespace {

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
  return {
      ethernet(kIpv4Type, ip4(kNode4, kSelf4, 4, four)),
      ethernet(kIpv4Type, ip4(kNode4, kSelf4, 4, four), {7}),
      ethernet(kIpv4Type, ip4(kNode4, kSelf4, 41, six)),
      ethernet(kIpv6Type, ip6(kNode6, kSelf6, 4, four)),
      ethernet(kIpv6Type, ip6(kNode6, kSelf6, 41, six)),
      ethernet(kIpv4Type, ip4(kNode4, kSelf4, 17, gue(4, {}, four))),
      ethernet(kIpv4Type, ip4(kNode4, kSelf4, 17, gue(4, {"10.0.0.2"}, four))),
      ethernet(kIpv6Type, ip6(kNode6, kSelf6, 17, gue(41, {}, six))),
  };
}

class Listening : public DecapBackend {
 protected:
  void expect_all(std::uint8_t flags, xdp_action verdict, bool counted) {
    for (const Bytes& frame : in_all_tunnels(flags)) {
      const auto before = program_->count(FL_DECAP_NO_LISTENER);
      EXPECT_EQ(program_->run(frame).verdict, static_cast<std::uint32_t>(verdict));
      EXPECT_EQ(program_->count(FL_DECAP_NO_LISTENER), before + (counted ? 1 : 0));
    }
  }
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
