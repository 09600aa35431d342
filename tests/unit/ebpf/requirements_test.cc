// SPDX-License-Identifier: BSD-3-Clause
// What is missing is named, with the kernel that has it.
#include "ebpf/requirements.hh"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <gtest/gtest.h>

namespace fairlead::ebpf {
namespace {

FeatureProbe lacking(unsigned helper) {
  return [helper](const Feature& feature) {
    return feature.kind == Feature::Kind::kHelper && feature.number == helper ? 0 : 1;
  };
}

TEST(Requirements, TheRunningKernelMeetsThem) {
  if (::geteuid() != 0) GTEST_SKIP() << "asking the kernel needs root";
  for (const auto features : {gate_features(), decap_features()}) {
    const auto checked = check_kernel(features);
    EXPECT_TRUE(checked) << checked.error().what;
  }
}

TEST(Requirements, EachMissingFeatureIsNamedInOneLine) {
  for (const auto features : {gate_features(), decap_features()}) {
    for (const Feature& feature : features) {
      const auto checked = check_kernel(features, [&](const Feature& asked) {
        return asked.kind == feature.kind && asked.number == feature.number ? 0 : 1;
      });
      ASSERT_FALSE(checked) << feature.name;
      EXPECT_EQ(checked.error().code, base::ErrorCode::kFailedPrecondition);
      EXPECT_NE(checked.error().what.find(feature.name), std::string::npos);
      EXPECT_NE(checked.error().what.find(feature.since), std::string::npos);
      EXPECT_EQ(checked.error().what.find('\n'), std::string::npos);
    }
  }
}

TEST(Requirements, TheNewestMissingFeatureIsNamedFirst) {
  const auto checked = check_kernel(gate_features(), [](const Feature&) { return 0; });
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().what.find("5.18"), std::string::npos) << checked.error().what;
}

TEST(Requirements, WhoMayNotAskMissesNothing) {
  EXPECT_TRUE(check_kernel(gate_features(), [](const Feature&) { return -EPERM; }));
  EXPECT_TRUE(check_kernel(gate_features(), lacking(0)));
}

class Interfaces : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/fairlead-sysfs-XXXXXX";
    sysfs_ = ::mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(sysfs_); }
  void make(const std::string& name, const std::string& uevent) const {
    std::filesystem::create_directory(sysfs_ + "/" + name);
    std::ofstream(sysfs_ + "/" + name + "/uevent") << uevent;
  }
  std::string sysfs_;
};

TEST_F(Interfaces, AnEthernetDeviceWillDo) {
  make("eth0", "INTERFACE=eth0\nIFINDEX=2\n");
  EXPECT_TRUE(check_interface("eth0", sysfs_));
}

TEST_F(Interfaces, AVlanDeviceIsRefusedWithTheWayOut) {
  make("eth0.7", "DEVTYPE=vlan\nINTERFACE=eth0.7\n");
  const auto checked = check_interface("eth0.7", sysfs_);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, base::ErrorCode::kFailedPrecondition) << "the node works without";
  EXPECT_NE(checked.error().what.find("eth0.7 is a VLAN device; give"), std::string::npos);
}

TEST_F(Interfaces, ABondIsRefusedAndItsMemberIsNot) {
  make("bond0", "DEVTYPE=bond\nINTERFACE=bond0\n");
  std::filesystem::create_directory(sysfs_ + "/bond0/bonding");
  make("eth1", "INTERFACE=eth1\n");
  std::filesystem::create_directory(sysfs_ + "/eth1/bonding_slave");
  EXPECT_FALSE(check_interface("bond0", sysfs_));
  EXPECT_TRUE(check_interface("eth1", sysfs_));
}

}  // namespace
}  // namespace fairlead::ebpf
