// SPDX-License-Identifier: BSD-3-Clause
// What rte_flow and the RSS calls do in these tests.
#include "tests/unit/dataplane/process/flow_rule_driver.hh"

#include <algorithm>

#include <rte_errno.h>

namespace fairlead::testing {

Driver driver;

namespace {

std::vector<int> types_of(const rte_flow_action* action) {
  std::vector<int> types;
  for (; action->type != RTE_FLOW_ACTION_TYPE_END; ++action) types.push_back(action->type);
  return types;
}

}  // namespace

bool has(const rte_flow_action* action, int type) {
  const auto types = types_of(action);
  return std::find(types.begin(), types.end(), type) != types.end();
}

}  // namespace fairlead::testing

namespace {
using fairlead::testing::driver;
using fairlead::testing::types_of;
using Action = rte_flow_action;
using Attr = rte_flow_attr;
using Error = rte_flow_error;
using Item = rte_flow_item;
}  // namespace

extern "C" {
int rte_flow_validate(std::uint16_t, const Attr*, const Item*, const Action* actions, Error*) {
  ++driver.validations;
  return driver.validate(actions);
}
rte_flow*
rte_flow_create(std::uint16_t, const Attr* attr, const Item* items, const Action* actions, Error*) {
  EXPECT_TRUE(attr->ingress);
  EXPECT_EQ(items[0].type, RTE_FLOW_ITEM_TYPE_ETH);
  if (const int error = driver.create(actions); error != 0) {
    rte_errno = error;
    return nullptr;
  }
  driver.actions.push_back(types_of(actions));
  for (const rte_flow_action* a = actions; a->type != RTE_FLOW_ACTION_TYPE_END; ++a) {
    if (a->type != RTE_FLOW_ACTION_TYPE_RSS) continue;
    const auto* rss = static_cast<const rte_flow_action_rss*>(a->conf);
    driver.queues.emplace_back(rss->queue, rss->queue + rss->queue_num);
  }
  driver.made.push_back(fairlead::testing::read_rule(items, actions));
  auto* rule = reinterpret_cast<rte_flow*>(driver.next++);
  driver.rules.insert(rule);
  return rule;
}
int rte_flow_destroy(std::uint16_t, rte_flow* rule, rte_flow_error*) {
  EXPECT_EQ(driver.rules.count(rule), 1U) << "destroyed twice, or never made";
  if (driver.destroy == 0) driver.rules.erase(rule);
  driver.destroyed();
  return driver.destroy;
}
int rte_flow_query(std::uint16_t, rte_flow*, const Action*, void* data, Error*) {
  auto* count = static_cast<rte_flow_query_count*>(data);
  count->hits_set = 1;
  count->hits = driver.hits;
  return driver.query;
}
int rte_eth_dev_rss_hash_conf_get(std::uint16_t, rte_eth_rss_conf* conf) {
  conf->rss_hf = driver.hash_types;
  if (conf->rss_key != nullptr) std::copy(driver.key.begin(), driver.key.end(), conf->rss_key);
  return driver.hash_read;
}
int rte_eth_dev_rss_hash_update(std::uint16_t, rte_eth_rss_conf* conf) {
  ++driver.hash_updates;
  const int result = driver.rules.empty() || driver.hash_update_with_rules == 0
                         ? driver.hash_update
                         : driver.hash_update_with_rules;
  if (result != 0) return result;
  driver.hash_types = conf->rss_hf;
  if (!driver.key.empty()) driver.key.assign(conf->rss_key, conf->rss_key + conf->rss_key_len);
  return 0;
}
int rte_eth_dev_rss_reta_query(std::uint16_t, rte_eth_rss_reta_entry64* groups, std::uint16_t n) {
  if (driver.table.empty()) return -ENOTSUP;
  EXPECT_EQ(n, driver.table.size());
  for (unsigned i = 0; i < n; ++i)
    groups[i / 64].reta[i % 64] = static_cast<std::uint16_t>(driver.table[i]);
  return 0;
}
int rte_eth_dev_rss_reta_update(std::uint16_t, rte_eth_rss_reta_entry64* groups, std::uint16_t n) {
  if (driver.table_update != 0) return driver.table_update;
  driver.table.resize(n);
  for (unsigned i = 0; i < n; ++i) driver.table[i] = groups[i / 64].reta[i % 64];
  return 0;
}
}
