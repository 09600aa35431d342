// SPDX-License-Identifier: BSD-3-Clause
// DPDK device strings: names, arguments, one device per queue.
#include "dataplane/device.hh"

#include <gtest/gtest.h>

namespace fairlead::dataplane {
namespace {

TEST(Device, NameEndsAtTheFirstComma) {
  EXPECT_EQ(device_name("net_af_xdp0,iface=eth0"), "net_af_xdp0");
  EXPECT_EQ(device_name("0000:3b:00.0"), "0000:3b:00.0");
}

TEST(Device, ArgumentIsFoundByItsWholeKey) {
  EXPECT_EQ(device_argument("net_tap0,iface=a,remote=b", "remote"), "b");
  EXPECT_EQ(device_argument("net_tap0,xiface=a", "iface"), std::nullopt);
  EXPECT_EQ(device_argument("iface=a", "iface"), std::nullopt);
}

TEST(Device, OnlyAfXdpAndAfPacketShareTheInterfaceWithTheKernel) {
  EXPECT_EQ(kernel_interface_of("net_af_xdp0,iface=eth0"), "eth0");
  EXPECT_EQ(kernel_interface_of("net_af_packet0,iface=eth1"), "eth1");
  EXPECT_EQ(kernel_interface_of("net_tap0,iface=tap0"), std::nullopt);
  EXPECT_EQ(kernel_interface_of("0000:3b:00.0"), std::nullopt);
}

TEST(Device, AfXdpGetsOneDevicePerQueue) {
  const std::vector<std::string> expected = {
      "net_af_xdp0q0,iface=e,start_queue=0,queue_count=1",
      "net_af_xdp0q1,iface=e,start_queue=1,queue_count=1"};

  EXPECT_EQ(queue_devices("net_af_xdp0,iface=e", 2), expected);
}

TEST(Device, OneWorkerOrChosenQueuesStayAsConfigured) {
  const std::string chosen = "net_af_xdp0,iface=e,start_queue=4,queue_count=2";

  EXPECT_EQ(
      queue_devices("net_af_xdp0,iface=e", 1), std::vector<std::string>{"net_af_xdp0,iface=e"}
  );
  EXPECT_EQ(queue_devices(chosen, 2), std::vector<std::string>{chosen});
}

TEST(Device, AfPacketGetsQueuePairs) {
  EXPECT_EQ(
      queue_devices("net_af_packet0,iface=e", 3),
      std::vector<std::string>{"net_af_packet0,iface=e,qpairs=3"}
  );
}

}  // namespace
}  // namespace fairlead::dataplane
