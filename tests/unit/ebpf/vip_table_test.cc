// SPDX-License-Identifier: BSD-3-Clause
// From vips to map entries: order of shapes, keys without repetition, limits.
#include "ebpf/vip_table.hh"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace fairlead::ebpf {
namespace {

ServedVip vip(
    const std::string& prefix, std::uint16_t port, net::IpProto protocol = net::IpProto::kTcp
) {
  return {*net::Prefix::parse(prefix), protocol, port};
}

TEST(VipTable, PutsTheMostSpecificShapeFirst) {
  const std::vector<ServedVip> vips = {
      vip("10.0.0.0/24", 0), vip("10.0.0.1", 0), vip("10.0.0.0/24", 80), vip("10.0.0.1", 80)};
  const auto table = build_vip_table(vips);

  ASSERT_TRUE(table);
  ASSERT_EQ(table->shapes.size(), 4U);
  const auto is = [&](std::size_t i, int length, int any) {
    return table->shapes[i].shape.prefix_len == length && table->shapes[i].shape.any_port == any;
  };
  EXPECT_TRUE(is(0, 32, 0) && is(1, 32, 1) && is(2, 24, 0) && is(3, 24, 1));
}

TEST(VipTable, HasOneAddressKeyForAllVipsOfAnAddress) {
  const std::vector<ServedVip> vips = {
      vip("10.0.0.1", 80), vip("10.0.0.1", 443), vip("10.0.0.1", 53, net::IpProto::kUdp)};
  const auto table = build_vip_table(vips);

  ASSERT_TRUE(table);
  EXPECT_EQ(table->keys.size(), 4U);
  EXPECT_EQ(table->shapes.size(), 1U);
  EXPECT_EQ(
      std::count_if(
          table->keys.begin(),
          table->keys.end(),
          [](const auto& k) { return k.protocol == FL_VIP_KEY_ADDRESS; }
      ),
      1
  );
}

TEST(VipTable, RefusesMoreShapesThanAProgramProbes) {
  std::vector<ServedVip> vips;
  for (int length = 20; length < 29; ++length) {
    vips.push_back(vip("10.0.0.0/" + std::to_string(length), 80));
  }
  EXPECT_FALSE(build_vip_table(vips));
  vips.pop_back();
  EXPECT_TRUE(build_vip_table(vips));
}

TEST(VipTable, RefusesOtherProtocolsAndTooManyVips) {
  const std::vector<ServedVip> icmp = {vip("10.0.0.1", 0, net::IpProto::kIcmp)};
  EXPECT_FALSE(build_vip_table(icmp));
  const std::vector<ServedVip> many(FL_MAX_VIPS + 1, vip("10.0.0.1", 80));
  EXPECT_FALSE(build_vip_table(many));
}

}  // namespace
}  // namespace fairlead::ebpf
