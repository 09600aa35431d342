// SPDX-License-Identifier: BSD-3-Clause
// Reading the kernel's routes as text, and its neighbour table over netlink.
#include "dataplane/kernel_neighbours.hh"

#include <gtest/gtest.h>

namespace fairlead::dataplane {
namespace {

constexpr std::string_view kRoutes4 =
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    "eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
    "eth0\t00000000\t0200A8C0\t0003\t0\t0\t50\t00000000\t0\t0\t0\n"
    "eth1\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n"
    "eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";

constexpr std::string_view kRoutes6 =
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
    "20010db8000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n"
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
    "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";

TEST(DefaultGateway, IsTheOneOfLowestMetricOnTheInterface) {
  EXPECT_EQ(default_gateway4(kRoutes4, "eth0"), net::IpAddr::parse("192.168.0.2"));
}

TEST(DefaultGateway, ARouteWithoutNextHopIsNone) {
  EXPECT_EQ(default_gateway4(kRoutes4, "eth1"), std::nullopt);
  EXPECT_EQ(default_gateway6(kRoutes6, "lo"), std::nullopt);
}

TEST(DefaultGateway, ReadsIpv6) {
  EXPECT_EQ(default_gateway6(kRoutes6, "eth0"), net::IpAddr::parse("2001:db8::1"));
}

TEST(DefaultGateway, NonsenseIsNone) {
  EXPECT_EQ(default_gateway4("eth0 00000000", "eth0"), std::nullopt);
  EXPECT_EQ(default_gateway6("zz", "eth0"), std::nullopt);
}

TEST(KernelInterface, LoopbackIsThere) {
  const auto loopback = kernel_interface("lo");

  ASSERT_TRUE(loopback);
  EXPECT_GT(loopback->mtu, 0U);
}

TEST(KernelInterface, AMissingOneIsNamed) {
  const auto none = kernel_interface("no-such-if");

  ASSERT_FALSE(none);
  EXPECT_NE(none.error().what.find("'no-such-if'"), std::string::npos);
}

TEST(KernelNeighbours, DumpEnds) {
  EXPECT_TRUE(kernel_neighbours(1));
}

}  // namespace
}  // namespace fairlead::dataplane
