// SPDX-License-Identifier: BSD-3-Clause
// RSS that a driver loses over rules is set again, whatever became of the rules.
#include "tests/unit/dataplane/process/flow_rule_driver.hh"

namespace fairlead::dataplane {
namespace {

TEST_F(Rules, RssThatTheDriverLostIsSetAgain) {
  driver.create = [](const rte_flow_action*) {
    driver.hash_types = 0;  // as a flow director's input set did
    return 0;
  };
  FlowRules rules(3, rss());

  rules.follow({vip(1)}, kTwo);

  EXPECT_EQ(driver.hash_types, kTypes);
  EXPECT_EQ(rules.count(), 1U);
}

TEST_F(Rules, RssThatAnEarlierRuleLostIsSetAgainThoughALaterOneCannotBeMade) {
  for (const unsigned made : {0U, 1U, 2U}) {
    driver = {};
    driver.hash_types = kTypes;
    driver.create = [made](const rte_flow_action*) {
      driver.hash_types = 0;  // also by a rule that is then refused
      return driver.rules.size() >= made ? ENOSPC : 0;
    };
    FlowRules rules(3, rss());

    EXPECT_TRUE(rules.follow({vip(1), vip(2), vip(3)}, kTwo)) << "packets may have moved";

    EXPECT_EQ(driver.hash_types, kTypes) << made << " were made";
    EXPECT_TRUE(driver.rules.empty());
    EXPECT_NE(rules.why().find(strerror(ENOSPC)), std::string::npos) << rules.why();
  }
}

TEST_F(Rules, RssThatIsLostWithARuleIsSetAgain) {
  FlowRules rules(3, rss());
  rules.follow({vip(1), vip(2)}, kTwo);
  driver.destroyed = [] { driver.hash_types = 0; };

  EXPECT_TRUE(rules.follow({}, kTwo));

  EXPECT_EQ(driver.hash_types, kTypes);
}

TEST_F(Rules, KeyAndTableThatTheDriverLostAreSetAgainToo) {
  const std::vector<unsigned> table = [] {
    std::vector<unsigned> shares(128);
    for (unsigned i = 0; i < 128; ++i) shares[i] = i % 2;
    return shares;
  }();
  for (const bool key : {true, false}) {
    driver = {};
    driver.hash_types = kTypes;
    driver.key = symmetric_key(40);
    driver.table = table;
    driver.create = [key](const rte_flow_action*) {
      if (key) driver.key[39] ^= 1U;
      if (!key) std::fill(driver.table.begin(), driver.table.end(), 0U);
      return driver.rules.empty() ? 0 : ENOSPC;
    };
    FlowRules rules(3, rss());

    EXPECT_TRUE(rules.follow({vip(1), vip(2)}, kTwo, table));

    EXPECT_EQ(driver.key, symmetric_key(40));
    EXPECT_EQ(driver.table, table);
    EXPECT_EQ(rules.why().find("RSS"), std::string::npos) << rules.why();
  }
}

TEST_F(Rules, ATableThatCannotBeSetAgainIsNoSpreadEither) {
  driver.table = {0, 1};
  driver.create = [](const rte_flow_action*) {
    driver.table = {0, 0};
    return 0;
  };
  driver.table_update = -EIO;
  FlowRules rules(3, rss());

  rules.follow({vip(1)}, kTwo, {0, 1});

  EXPECT_EQ(rules.count(), 0U);
  EXPECT_NE(rules.why().find("cannot be set again"), std::string::npos) << rules.why();
}

TEST_F(Rules, WhereTheRulesAreInTheWayRssIsSetAgainWithoutThem) {
  driver.create = [](const rte_flow_action*) {
    driver.hash_types = 0;
    return 0;
  };
  driver.hash_update_with_rules = -EBUSY;
  FlowRules rules(3, rss());

  EXPECT_TRUE(rules.follow({vip(1), vip(2)}, kTwo));

  EXPECT_TRUE(driver.rules.empty());
  EXPECT_EQ(driver.hash_types, kTypes);
  EXPECT_NE(rules.why().find("break RSS: " + std::string(strerror(EBUSY))), std::string::npos);
  EXPECT_EQ(rules.why().find("again"), std::string::npos) << rules.why();
}

TEST_F(Rules, RssThatIsStillLostIsTriedAgainAtTheNextChange) {
  driver.create = [](const rte_flow_action*) {
    driver.hash_types = 0;
    return EIO;
  };
  driver.hash_update = -EIO;
  FlowRules rules(3, rss());
  rules.follow({vip(1)}, kTwo);
  EXPECT_NE(rules.why().find("cannot be set again"), std::string::npos) << rules.why();
  EXPECT_NE(rules.why().find("rte_flow"), std::string::npos) << rules.why();
  driver.hash_update = 0;

  EXPECT_TRUE(rules.follow({}, kTwo));

  EXPECT_EQ(driver.hash_types, kTypes);
  EXPECT_TRUE(rules.why().empty());
}

TEST_F(Rules, WhereRssCannotBeSetAgainTheRulesGo) {
  driver.create = [](const rte_flow_action*) {
    driver.hash_types = 0;
    return 0;
  };
  for (const int error : {ENOTSUP, EINVAL, EIO, ENODEV}) {
    driver.hash_update = -error;
    FlowRules rules(3, rss());

    rules.follow({vip(1)}, kTwo);

    EXPECT_EQ(rules.count(), 0U);
    EXPECT_TRUE(driver.rules.empty());
    EXPECT_NE(rules.why().find("break RSS"), std::string::npos);
    EXPECT_NE(rules.why().find(strerror(error)), std::string::npos) << rules.why();
  }
}

TEST_F(Rules, ADeviceThatDoesNotTellItsHashTypesKeepsItsRules) {
  for (const int error : {ENOTSUP, EIO, ENODEV}) {
    driver.hash_read = -error;
    FlowRules rules(3, rss());

    EXPECT_TRUE(rules.follow({vip(1)}, kTwo));

    EXPECT_EQ(rules.count(), 1U);
    EXPECT_EQ(driver.hash_updates, 0U);
  }
}

}  // namespace
}  // namespace fairlead::dataplane
