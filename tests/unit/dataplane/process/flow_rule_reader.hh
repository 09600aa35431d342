// SPDX-License-Identifier: BSD-3-Clause
// What an rte_flow rule says, as plain values.
#pragma once

#include <cstdint>
#include <vector>

#include <netinet/in.h>

#include <rte_flow.h>

namespace fairlead::testing {

/// A rule as the driver was asked for it.
struct Rule {
  int family = 0;
  std::vector<std::uint8_t> address;  // and mask, as long as the family's
  std::vector<std::uint8_t> mask;
  int transport = 0;
  std::uint16_t port = 0;  // network order
  std::uint16_t port_mask = 0;
  std::uint32_t mark = 0;
  std::uint64_t hash_types = 0;
  std::vector<std::uint8_t> key;
  int queue = -1;
};

inline std::vector<std::uint8_t> bytes_of(const void* at, std::size_t size) {
  const auto* bytes = static_cast<const std::uint8_t*>(at);
  return {bytes, bytes + size};
}

inline void read_item(const rte_flow_item& item, Rule& rule) {
  switch (item.type) {
    case RTE_FLOW_ITEM_TYPE_IPV4: {
      rule.family = 4;
      rule.address = bytes_of(&static_cast<const rte_flow_item_ipv4*>(item.spec)->hdr.dst_addr, 4);
      rule.mask = bytes_of(&static_cast<const rte_flow_item_ipv4*>(item.mask)->hdr.dst_addr, 4);
      return;
    }
    case RTE_FLOW_ITEM_TYPE_IPV6: {
      rule.family = 6;
      rule.address = bytes_of(static_cast<const rte_flow_item_ipv6*>(item.spec)->hdr.dst_addr, 16);
      rule.mask = bytes_of(static_cast<const rte_flow_item_ipv6*>(item.mask)->hdr.dst_addr, 16);
      return;
    }
    case RTE_FLOW_ITEM_TYPE_TCP: {
      rule.transport = IPPROTO_TCP;
      rule.port = static_cast<const rte_flow_item_tcp*>(item.spec)->hdr.dst_port;
      rule.port_mask = static_cast<const rte_flow_item_tcp*>(item.mask)->hdr.dst_port;
      return;
    }
    case RTE_FLOW_ITEM_TYPE_UDP: {
      rule.transport = IPPROTO_UDP;
      rule.port = static_cast<const rte_flow_item_udp*>(item.spec)->hdr.dst_port;
      rule.port_mask = static_cast<const rte_flow_item_udp*>(item.mask)->hdr.dst_port;
      return;
    }
    default:
      return;
  }
}

inline void read_action(const rte_flow_action& action, Rule& rule) {
  if (action.type == RTE_FLOW_ACTION_TYPE_MARK)
    rule.mark = static_cast<const rte_flow_action_mark*>(action.conf)->id;
  if (action.type == RTE_FLOW_ACTION_TYPE_QUEUE)
    rule.queue = static_cast<const rte_flow_action_queue*>(action.conf)->index;
  if (action.type != RTE_FLOW_ACTION_TYPE_RSS) return;
  const auto* rss = static_cast<const rte_flow_action_rss*>(action.conf);
  rule.hash_types = rss->types;
  rule.key = bytes_of(rss->key, rss->key == nullptr ? 0 : rss->key_len);
}

inline Rule read_rule(const rte_flow_item* items, const rte_flow_action* actions) {
  Rule rule;
  for (; items->type != RTE_FLOW_ITEM_TYPE_END; ++items) read_item(*items, rule);
  for (; actions->type != RTE_FLOW_ACTION_TYPE_END; ++actions) read_action(*actions, rule);
  return rule;
}

}  // namespace fairlead::testing
