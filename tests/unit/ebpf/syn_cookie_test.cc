// SPDX-License-Identifier: BSD-3-Clause
// Second chance and SYN cookies: an ACK that a listener here would take for the end of a handshake,
// though no socket remembers its beginning, is ours (the kernel's cookies, real ones).
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

const std::string kClient = "198.51.100.7";
const std::string kVip = "203.0.113.10";
const std::string kNode = "192.0.2.11";
constexpr std::uint16_t kPort = 41000;

void put32(Bytes& b, std::size_t at, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) b[at + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

/// The client's segment, with a checksum: the kernel reads the SYN.
Bytes segment(std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledged) {
  Bytes b = tcp(kPort, 80);
  put32(b, 4, sequence);
  put32(b, 8, acknowledged);
  b[13] = flags;
  b[14] = 0x20;
  Bytes all;
  for (const auto& text : {kClient, kVip}) {
    const auto address = net::IpAddr::parse(text).value();
    all.insert(all.end(), address.bytes.begin(), address.bytes.begin() + 4);
  }
  put16(all, 6);
  put16(all, 20);
  const unsigned sum = checksum(all + b);
  b[16] = static_cast<std::uint8_t>(sum >> 8);
  b[17] = static_cast<std::uint8_t>(sum);
  return b;
}

sockaddr_in endpoint(const std::string& text, std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  ::inet_pton(AF_INET, text.c_str(), &at.sin_addr);
  return at;
}

/// Sends a SYN to the listener and returns the sequence number of its answer: the cookie.
std::uint32_t ask_for_cookie(std::uint32_t sequence) {
  const sys::UniqueFd raw(::socket(AF_INET, SOCK_RAW, IPPROTO_TCP));
  const int on = 1;
  ::setsockopt(raw.get(), IPPROTO_IP, IP_HDRINCL, &on, sizeof on);
  const timeval patience{5, 0};
  ::setsockopt(raw.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const Bytes syn = ip4(kClient, kVip, 6, segment(0x02, sequence, 0));
  const sockaddr_in to = endpoint(kVip, 0);
  EXPECT_GT(
      ::sendto(
          raw.get(), syn.data(), syn.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to
      ),
      0
  );
  std::uint8_t packet[256];
  while (::recv(raw.get(), packet, sizeof packet, 0) >= 40) {
    if (packet[20 + 13] != 0x12) continue;  // SYN and ACK
    std::uint32_t cookie = 0;
    std::memcpy(&cookie, packet + 24, sizeof cookie);
    return ntohl(cookie);
  }
  ADD_FAILURE() << "the listener did not answer";
  return 0;
}

TEST(SynCookie, AnAckWithAValidOneIsOurs) {
  FL_SKIP_UNLESS_ROOT();
  if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  const std::string hosts = "ip link set lo up && ip addr add " + kVip +
                            "/32 dev lo && ip addr add " + kClient +
                            "/32 dev lo && echo 2 > /proc/sys/net/ipv4/tcp_syncookies";
  ASSERT_EQ(std::system(hosts.c_str()), 0);
  const sys::UniqueFd listener(::socket(AF_INET, SOCK_STREAM, 0));
  const sockaddr_in at = endpoint(kVip, 80);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(::listen(listener.get(), 4), 0);
  std::size_t bytes = 0;
  const void* const elf = decap_bpf__elf_bytes(&bytes);
  LoadedProgram program(elf, bytes, "fl_decap", "fl_decap_count");
  program.set_vips({{*net::Prefix::parse(kVip), net::IpProto::kTcp, 80}});
  fl_source_key key{};
  key.prefix_bits = FL_SOURCE_FAMILY_BITS + 32;
  key.family = 4;
  const auto node = net::IpAddr::parse(kNode).value();
  std::memcpy(&key.address, node.bytes.data(), 16);
  const std::uint32_t kind = FL_SOURCE_NODE;
  ASSERT_EQ(bpf_map_update_elem(program.map("fl_sources"), &key, &kind, BPF_ANY), 0);

  const std::uint32_t cookie = ask_for_cookie(1000);
  const auto run = [&](std::uint32_t acknowledged) {
    const Bytes inner = ip4(kClient, kVip, 6, segment(0x10, 1001, acknowledged));
    return program.run(ethernet(kIpv4Type, ip4(kNode, "10.0.0.1", 17, gue(4, {"10.0.0.2"}, inner))))
        .verdict;
  };
  EXPECT_EQ(run(cookie + 1), static_cast<std::uint32_t>(XDP_PASS));
  EXPECT_EQ(program.count(FL_DECAP_HOP_COOKIE), 1U);
  EXPECT_EQ(run(cookie + 100'000), static_cast<std::uint32_t>(XDP_TX)) << "no cookie of ours";
  EXPECT_EQ(program.count(FL_DECAP_HOP_UNKNOWN), 1U);
}

}  // namespace
}  // namespace fairlead::testing
