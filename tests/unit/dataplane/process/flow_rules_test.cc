// SPDX-License-Identifier: BSD-3-Clause
// Rules are negotiated: whatever a driver answers, vip traffic is not lost and never piles up on
// one core.
#include <arpa/inet.h>

#include "tests/unit/dataplane/process/flow_rule_driver.hh"

namespace fairlead::dataplane {
namespace {

using testing::Rule;

TEST_F(Rules, EveryVipGetsOneThatSpreadsOverAllQueuesAndMarksAndCounts) {
  FlowRules rules(3, rss());

  EXPECT_TRUE(rules.follow({vip(1), vip(2, 6)}, kTwo));

  EXPECT_EQ(rules.count(), 2U);
  EXPECT_TRUE(rules.marks());
  EXPECT_EQ(
      driver.actions[0],
      (std::vector<int>{
          RTE_FLOW_ACTION_TYPE_MARK, RTE_FLOW_ACTION_TYPE_COUNT, RTE_FLOW_ACTION_TYPE_RSS})
  );
  EXPECT_EQ(driver.queues, (std::vector<std::vector<std::uint16_t>>{kTwo, kTwo}));
  driver.hits = 7;
  EXPECT_EQ(rules.packets(), 14U);
  rules.clear();
  EXPECT_TRUE(driver.rules.empty());
}

TEST_F(Rules, OneQueueNeedsNoHashing) {
  FlowRules rules(3, {});

  EXPECT_TRUE(rules.follow({vip(1)}, {5}));

  EXPECT_EQ(driver.actions[0].back(), RTE_FLOW_ACTION_TYPE_QUEUE);
  EXPECT_EQ(driver.made[0].queue, 5);
}

TEST_F(Rules, MatchThePrefixTheProtocolAndThePortOfTheirVip) {
  using Bytes = std::vector<std::uint8_t>;
  const std::uint16_t port = htons(443);
  fl_vip web{};
  web.family = 4;
  web.prefix_len = 20;
  web.protocol = IPPROTO_TCP;
  std::memcpy(web.port, &port, sizeof port);
  std::memcpy(web.address, Bytes{198, 18, 16, 0}.data(), 4);
  web.vip = 77;
  fl_vip any_udp{};
  any_udp.family = 6;
  any_udp.prefix_len = 61;
  any_udp.protocol = IPPROTO_UDP;
  any_udp.address[0] = 0x20;
  any_udp.address[7] = 0x48;
  any_udp.vip = 78;
  FlowRules rules(3, rss());

  rules.follow({match_of(web), match_of(any_udp)}, kTwo);

  ASSERT_EQ(driver.made.size(), 2U);
  const Rule& first = driver.made[0];
  EXPECT_EQ(first.family, 4);
  EXPECT_EQ(first.address, (Bytes{198, 18, 16, 0}));
  EXPECT_EQ(first.mask, (Bytes{0xff, 0xff, 0xf0, 0}));
  EXPECT_EQ(first.transport, IPPROTO_TCP);
  EXPECT_EQ(first.port, port);
  EXPECT_EQ(first.port_mask, 0xffff);
  EXPECT_EQ(first.mark, 77U);
  EXPECT_EQ(first.hash_types, kTypes);
  EXPECT_EQ(first.key, symmetric_key(40)) << "both directions to one queue, as without a rule";
  const Rule& second = driver.made[1];
  EXPECT_EQ(second.family, 6);
  EXPECT_EQ(second.address, (Bytes{0x20, 0, 0, 0, 0, 0, 0, 0x48, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(
      second.mask, (Bytes{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf8, 0, 0, 0, 0, 0, 0, 0, 0})
  );
  EXPECT_EQ(second.transport, IPPROTO_UDP);
  EXPECT_EQ(second.port_mask, 0) << "any port";
  EXPECT_EQ(second.mark, 78U);
}

TEST_F(Rules, WithoutMarkOrCountOneDoesWithout) {
  refuse(RTE_FLOW_ACTION_TYPE_MARK, ENOTSUP);
  FlowRules no_mark(3, rss());
  EXPECT_TRUE(no_mark.follow({vip(1), vip(2)}, kTwo));
  EXPECT_FALSE(no_mark.marks());
  EXPECT_EQ(no_mark.count(), 2U);

  refuse(RTE_FLOW_ACTION_TYPE_COUNT, EINVAL);
  FlowRules no_count(3, rss());
  EXPECT_TRUE(no_count.follow({vip(1)}, kTwo));
  EXPECT_TRUE(no_count.marks());
  EXPECT_EQ(no_count.packets(), 0U);
}

TEST_F(Rules, EveryErrorOfValidateEndsInRssWithItsReason) {
  for (const int error : {ENOSYS, ENOTSUP, EINVAL, EEXIST, ENOSPC, EBUSY, EPERM}) {
    refuse_all(error);
    FlowRules rules(3, rss());
    EXPECT_FALSE(rules.follow({vip(1)}, kTwo));
    EXPECT_EQ(rules.count(), 0U);
    EXPECT_NE(rules.why().find(strerror(error)), std::string::npos) << rules.why();
  }
}

TEST_F(Rules, AValidRuleThatCannotBeMadeIsNoRule) {
  for (const int error : {EEXIST, ENOSYS, ENOSPC, ENOMEM, EIO}) {
    driver.create = [error](const rte_flow_action*) { return error; };
    FlowRules rules(3, rss());
    EXPECT_FALSE(rules.follow({vip(1)}, kTwo));
    EXPECT_EQ(rules.count(), 0U);
    EXPECT_NE(rules.why().find(strerror(error)), std::string::npos) << rules.why();
  }
}

TEST_F(Rules, WhereTheTableIsFullInTheMiddleAllAreRemoved) {
  driver.create = [](const rte_flow_action*) { return driver.rules.size() >= 2 ? ENOSPC : 0; };
  FlowRules rules(3, rss());

  EXPECT_TRUE(rules.follow({vip(1), vip(2), vip(3)}, kTwo)) << "packets may have moved";

  EXPECT_TRUE(driver.rules.empty());
  EXPECT_FALSE(rules.follow({vip(1), vip(2), vip(3)}, kTwo)) << "not tried again for the same";
  driver.create = [](const rte_flow_action*) { return 0; };
  EXPECT_TRUE(rules.follow({vip(1), vip(2)}, kTwo)) << "the next change tries again";
  EXPECT_EQ(rules.count(), 2U);
  EXPECT_TRUE(rules.why().empty());
}

TEST_F(Rules, ADeviceThatDoesNotHashGetsNoRuleToOneQueue) {
  FlowRules rules(3, {});

  EXPECT_FALSE(rules.follow({vip(1)}, kTwo));

  EXPECT_EQ(driver.validations, 0U);
  EXPECT_NE(rules.why().find("one core"), std::string::npos);
}

TEST_F(Rules, AChangeTouchesOnlyWhatChanged) {
  FlowRules rules(3, rss());
  rules.follow({vip(1), vip(2)}, kTwo);
  const auto before = driver.rules;

  EXPECT_TRUE(rules.follow({vip(2), vip(3)}, kTwo));

  EXPECT_EQ(driver.actions.size(), 3U) << "one new rule";
  EXPECT_EQ(driver.rules.size(), 2U);
  EXPECT_EQ(driver.rules.count(*std::next(before.begin())), 1U) << "vip 2 kept its rule";
  EXPECT_FALSE(rules.follow({vip(2), vip(3)}, kTwo));
}

TEST_F(Rules, OtherQueuesMeanOtherRules) {
  FlowRules rules(3, rss());
  rules.follow({vip(1)}, kTwo);

  EXPECT_TRUE(rules.follow({vip(1)}, {0, 1, 2}));

  EXPECT_EQ(driver.rules.size(), 1U);
  EXPECT_EQ(driver.queues.back(), (std::vector<std::uint16_t>{0, 1, 2}));
}

TEST_F(Rules, ARuleThatIsNotRemovedIsCountedAndNotAskedForAgain) {
  for (const int error : {EINVAL, ENOTSUP, EIO, ENODEV}) {
    driver.destroy = 0;
    driver.rules.clear();
    FlowRules rules(3, rss());
    rules.follow({vip(1), vip(2)}, kTwo);
    driver.destroy = -error;

    EXPECT_TRUE(rules.follow({vip(2)}, kTwo));

    EXPECT_EQ(rules.count(), 1U);
    EXPECT_EQ(rules.stuck(), 1U);
    EXPECT_TRUE(rules.why().empty()) << "the others are in force";
    driver.destroy = 0;
    rules.clear();
    EXPECT_EQ(driver.rules.size(), 1U) << "the one that stays";
  }
}

TEST_F(Rules, ACountThatCannotBeReadIsNone) {
  FlowRules rules(3, rss());
  rules.follow({vip(1)}, kTwo);
  driver.hits = 7;
  driver.query = -ENOTSUP;

  EXPECT_EQ(rules.packets(), 0U);
}

}  // namespace
}  // namespace fairlead::dataplane
