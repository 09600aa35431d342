// SPDX-License-Identifier: BSD-3-Clause
// Packets of one burst must not inherit each other's vip.
#include <gtest/gtest.h>

#include "tests/testing/test_bank.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::path {
namespace {

using testing::Frame;
using testing::packet;

TEST(Classify, PacketsInARowKeepTheirOwnVips) {
  const std::vector<testing::TestMember> members = {{.address = "10.0.0.1", .backend = 0}};
  testing::TestTable table;
  table.vips = {
      {.prefix = "203.0.113.10", .port = 53, .members = members},
      {.prefix = "203.0.113.10", .protocol = net::IpProto::kUdp, .port = 53, .members = members},
      {.prefix = "203.0.113.10", .port = 54, .members = members},
      {.prefix = "203.0.113.11", .port = 53, .members = members},
      {.prefix = "2001:db8::a", .port = 53, .members = members},
      {.prefix = "2001:db8::1:a", .port = 53, .members = members},
      {.prefix = "2001:db8:1::a", .port = 53, .members = members},
  };
  const testing::TestBank bank(table);
  testing::TestWorker worker;
  worker.use(bank.view());
  const std::vector<Frame> frames = {
      packet().ipv4("198.51.100.7", "203.0.113.10").tcp(40000, 53, "S"),
      packet().ipv4("198.51.100.7", "203.0.113.10").udp(40000, 53),
      packet().ipv4("198.51.100.7", "203.0.113.10").tcp(40000, 53, "S"),
      packet().ipv4("198.51.100.7", "203.0.113.10").tcp(40000, 54, "S"),
      packet().ipv4("198.51.100.7", "203.0.113.11").tcp(40000, 53, "S"),
      packet().ipv6("2001:db8::7", "2001:db8::a").tcp(40000, 53, "S"),
      packet().ipv6("2001:db8::7", "2001:db8::1:a").tcp(40000, 53, "S"),
      packet().ipv6("2001:db8::7", "2001:db8:1::a").tcp(40000, 53, "S"),
  };

  worker.run(frames);

  const std::uint64_t expected[] = {2, 1, 1, 1, 1, 1, 1};
  for (unsigned vip = 0; vip < 7; ++vip)
    EXPECT_EQ(expected[vip], worker.page().vips[vip].packets) << "vip " << vip;
}

}  // namespace
}  // namespace fairlead::path
