// SPDX-License-Identifier: BSD-3-Clause
// What the kernel knows of connections to a server of our own on the loopback.
#include "ebpf/agent_sockets.hh"

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "dataplane/sys/system_clock.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::agent {
namespace {

constexpr int kClients = 12;
constexpr int kRounds = 8;

TEST(AgentSockets, OneLookSeesClientsOfBothFamilies) {
  const sys::UniqueFd listener(::socket(AF_INET6, SOCK_STREAM, 0));
  sockaddr_in6 at{};
  at.sin6_family = AF_INET6;
  socklen_t size = sizeof at;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
  ASSERT_EQ(::listen(listener.get(), 2), 0);
  at.sin6_addr = in6addr_loopback;
  sockaddr_in at4{};
  at4.sin_family = AF_INET;
  at4.sin_port = at.sin6_port;
  at4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const sys::UniqueFd six(::socket(AF_INET6, SOCK_STREAM, 0));
  const sys::UniqueFd four(::socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(::connect(six.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(::connect(four.get(), reinterpret_cast<sockaddr*>(&at4), sizeof at4), 0);
  const sys::UniqueFd first(::accept(listener.get(), nullptr, nullptr));
  const sys::UniqueFd second(::accept(listener.get(), nullptr, nullptr));
  std::vector<ebpf::ServedVip> vips(2);
  vips[0].prefix = {*net::IpAddr::parse("::1"), 128};
  vips[1].prefix = {net::IpAddr::v4(127, 0, 0, 1), 32};
  for (ebpf::ServedVip& vip : vips) {
    vip.protocol = net::IpProto::kTcp;
    vip.port = ntohs(at.sin6_port);
  }

  const auto both = look_at_sockets(vips, base::kSecond);
  const auto only4 = look_at_sockets(std::span(vips).last(1), base::kSecond);

  ASSERT_TRUE(both && only4);
  EXPECT_EQ(both->established, 2U);
  EXPECT_EQ(only4->established, 1U);
}

TEST(AgentSockets, LatencyIsThatOfTheService) {
  const sys::UniqueFd listener(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
  ASSERT_EQ(::listen(listener.get(), kClients), 0);
  ebpf::ServedVip vip;
  vip.prefix = {net::IpAddr::v4(127, 0, 0, 1), 32};
  vip.protocol = net::IpProto::kTcp;
  vip.port = ntohs(at.sin_port);
  const std::vector<ebpf::ServedVip> vips = {vip};

  std::vector<sys::UniqueFd> clients;
  std::vector<sys::UniqueFd> served;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));
    ASSERT_EQ(::connect(clients.back().get(), reinterpret_cast<sockaddr*>(&at), size), 0);
    served.emplace_back(::accept(listener.get(), nullptr, nullptr));
  }
  const auto idle = look_at_sockets(vips, base::kSecond);
  ASSERT_TRUE(idle);
  EXPECT_EQ(idle->established, static_cast<std::uint32_t>(kClients));
  EXPECT_EQ(idle->answers, 0U);

  double seen_us = 0;
  double told_us = 0;
  for (int round = 0; round < kRounds; ++round) {
    char byte = 'x';
    const base::Nanoseconds began = sys::monotonic_ns();
    for (const auto& client : clients) ASSERT_EQ(::send(client.get(), &byte, 1, 0), 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(40 + round));  // the service's work
    for (const auto& socket : served) {
      ASSERT_EQ(::recv(socket.get(), &byte, 1, 0), 1);
      ASSERT_EQ(::send(socket.get(), &byte, 1, 0), 1);
    }
    const base::Nanoseconds ended = sys::monotonic_ns();
    const auto load = look_at_sockets(vips, 60 * base::kSecond);  // however late it is taken
    const auto now = look_at_sockets(vips, 0);
    for (const auto& client : clients) ASSERT_EQ(::recv(client.get(), &byte, 1, 0), 1);
    ASSERT_TRUE(load);
    ASSERT_EQ(load->answers, static_cast<std::uint32_t>(kClients));
    ASSERT_TRUE(now && now->answers == 0);
    seen_us += static_cast<double>(ended - began) / 1000;
    told_us += load->mean_latency_us;
  }
  // Of the same exchanges, by two clocks; a tick is at most 10 ms.
  EXPECT_GT(told_us, 0.75 * seen_us);
  EXPECT_LT(told_us, 1.25 * seen_us);
}

}  // namespace
}  // namespace fairlead::agent
