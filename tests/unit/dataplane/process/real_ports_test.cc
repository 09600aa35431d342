// SPDX-License-Identifier: BSD-3-Clause
// Ports of real drivers that need no hardware: what they refuse, and that they come and go.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include <unistd.h>

#include <gtest/gtest.h>

#include "dataplane/eal.hh"
#include "dataplane/port.hh"

namespace fairlead::dataplane {
namespace {

const Eal& environment() {
  static const Eal eal = [] {
    EalPlan plan;
    plan.file_prefix = "fl_ports_test" + std::to_string(::getpid());
    plan.memory_mb = 128;
    return std::move(*Eal::start(plan, false));
  }();
  return eal;
}

TEST(RealRules, NullHasNoneAndTapAcceptsWhatItCannotMake) {
  (void)environment();
  VipMatch vip;
  vip.address = {203, 0, 113, 10};
  auto null = Port::plug("net_null_rules", 20, {1, 1});
  ASSERT_TRUE(null) << null.error().what;
  null->spread_to({0});
  null->follow_vips({vip});
  EXPECT_EQ(null->rules().count(), 0U);
  EXPECT_NE(null->rules().why().find(strerror(ENOSYS)), std::string::npos) << null->rules().why();
  EXPECT_EQ(null->steering(), FL_STEERING_ONE_QUEUE);
  null->unplug();

  const std::string name = "flr" + std::to_string(::getpid() % 100000);
  auto tap = Port::plug("net_tap_rules,iface=" + name, 21, {1, 1});
  if (!tap) GTEST_SKIP() << tap.error().what;
  tap->spread_to({0});
  tap->follow_vips({vip});
  EXPECT_EQ(tap->rules().count(), 0U);
  EXPECT_NE(tap->rules().why(), "") << "tap's kernel has neither flower nor multiq";
  tap->unplug();
}

TEST(RealPorts, NullWithTwoQueuesSpreadsByItsTable) {
  (void)environment();
  auto port = Port::plug("net_null_spread", 22, {2, 2});
  ASSERT_TRUE(port) << port.error().what;
  EXPECT_EQ(port->queues(), 2U);
  if (port->table().empty()) GTEST_SKIP() << "this null device has no indirection table";

  EXPECT_EQ(port->steering(), FL_STEERING_RSS);
  port->spread_to({0});
  EXPECT_TRUE(port->spread_to({0, 1}));
  const auto table = read_table(port->ethdevs()[0], port->rss().table_size);
  EXPECT_EQ(table, port->table());
  EXPECT_EQ(std::count(table.begin(), table.end(), 1U), static_cast<long>(table.size() / 2));
  port->unplug();
}

TEST(RealPorts, TheSameDeviceTwiceIsRefused) {
  (void)environment();
  auto port = Port::plug("net_null_twice", 23, {1, 1});
  ASSERT_TRUE(port);

  const auto again = Port::plug("net_null_twice", 24, {1, 1});

  ASSERT_FALSE(again);
  port->unplug();
  auto third = Port::plug("net_null_twice", 23, {1, 1});
  EXPECT_TRUE(third) << "after it was removed it can come back";
  if (third) third->unplug();
}

TEST(RealPorts, AnUnknownDriverIsNamed) {
  (void)environment();
  const auto port = Port::plug("net_nonsense0", 25, {1, 1});

  ASSERT_FALSE(port);
  EXPECT_NE(port.error().what.find("'net_nonsense0'"), std::string::npos) << port.error().what;
}

}  // namespace
}  // namespace fairlead::dataplane
