// SPDX-License-Identifier: BSD-3-Clause
// A driver for tests of flow rules. The rte_flow and RSS functions are defined in the .cc and take
// the library's place.
#pragma once

#include <cerrno>
#include <cstring>
#include <functional>
#include <set>

#include <rte_flow.h>

#include <gtest/gtest.h>

#include "dataplane/flow_rules.hh"
#include "tests/unit/dataplane/process/flow_rule_reader.hh"

namespace fairlead::testing {

/// What the driver does, and what it was asked.
struct Driver {
  std::function<int(const rte_flow_action*)> validate = [](const rte_flow_action*) { return 0; };
  std::function<int(const rte_flow_action*)> create = validate;  // an errno value, 0: makes it
  std::set<rte_flow*> rules;
  std::vector<std::vector<int>> actions;  // of each rule made
  std::vector<std::vector<std::uint16_t>> queues;
  std::vector<Rule> made;
  std::uintptr_t next = 1;
  unsigned validations = 0;
  std::uint64_t hits = 0;
  // What the device uses now. It tells neither key nor table while they are empty.
  std::uint64_t hash_types = 0;
  std::vector<std::uint8_t> key;
  std::vector<unsigned> table;
  std::function<void()> destroyed = [] {};
  int hash_update = 0;
  int hash_update_with_rules = 0;  // while there are any
  int table_update = 0;
  int hash_read = 0;
  int destroy = 0;
  int query = 0;
  unsigned hash_updates = 0;
};
extern Driver driver;

bool has(const rte_flow_action* action, int type);

}  // namespace fairlead::testing

namespace fairlead::dataplane {

using testing::driver;

inline const std::vector<std::uint16_t> kTwo = {0, 1};
inline constexpr std::uint64_t kTypes = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP;

inline RssPlan rss() {
  return {kTypes, symmetric_key(40), 128};
}

inline VipMatch vip(std::uint32_t number, std::uint8_t family = 4) {
  VipMatch match;
  match.family = family;
  match.prefix_len = family == 4 ? 32 : 128;
  match.port = static_cast<std::uint16_t>(80 + number);
  match.address[0] = 203;
  match.vip = number;
  return match;
}

class Rules : public ::testing::Test {
 protected:
  void SetUp() override {
    driver = {};
    driver.hash_types = kTypes;
  }
  void refuse(int type, int with) {
    driver.validate = [type, with](const rte_flow_action* actions) {
      return testing::has(actions, type) ? -with : 0;
    };
  }
  void refuse_all(int with) {
    driver.validate = [with](const rte_flow_action*) { return -with; };
  }
};

}  // namespace fairlead::dataplane
