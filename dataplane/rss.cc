// SPDX-License-Identifier: BSD-3-Clause
// Negotiates RSS with a port and reads and writes its indirection table.
#include "dataplane/rss.hh"

#include <algorithm>

namespace fairlead::dataplane {
namespace {

constexpr std::size_t kUsualKeyBytes = 40;
constexpr std::size_t kLargestKeyBytes = 256;  // rte_eth_rss_conf has 8 bits for the length
constexpr std::uint64_t kTcp = RTE_ETH_RSS_TCP;
constexpr std::uint64_t kUdp = RTE_ETH_RSS_UDP;
constexpr std::uint64_t kIp = RTE_ETH_RSS_IP;

std::vector<rte_eth_rss_reta_entry64> groups_for(std::size_t size) {
  return std::vector<rte_eth_rss_reta_entry64>(
      (size + RTE_ETH_RETA_GROUP_SIZE - 1) / RTE_ETH_RETA_GROUP_SIZE, rte_eth_rss_reta_entry64{}
  );
}

void mark(std::vector<rte_eth_rss_reta_entry64>& groups, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    groups[i / RTE_ETH_RETA_GROUP_SIZE].mask |= std::uint64_t{1} << i % RTE_ETH_RETA_GROUP_SIZE;
  }
}

// Points into the plan.
rte_eth_rss_conf conf_of(RssPlan& plan) {
  rte_eth_rss_conf conf{};
  conf.rss_hf = plan.hash_types;
  conf.rss_key = plan.key.empty() ? nullptr : plan.key.data();
  conf.rss_key_len = static_cast<std::uint8_t>(plan.key.size());
  return conf;
}

}  // namespace

std::vector<std::uint8_t> symmetric_key(std::size_t bytes) {
  std::vector<std::uint8_t> key(bytes);
  for (std::size_t i = 0; i < bytes; ++i) key[i] = i % 2 == 0 ? 0x6d : 0x5a;
  return key;
}

RssPlan plan_rss(const rte_eth_dev_info& info, unsigned queues) {
  RssPlan plan;
  if (queues < 2) return plan;
  plan.hash_types = info.flow_type_rss_offloads & (kIp | kTcp | kUdp);
  if (!plan.enabled()) return plan;
  plan.key = symmetric_key(info.hash_key_size == 0 ? kUsualKeyBytes : info.hash_key_size);
  plan.table_size = info.reta_size;
  return plan;
}

RssPlan weaker(const RssPlan& plan) {
  if (plan.key.empty()) return {};
  RssPlan next = plan;
  next.key.clear();
  return next;
}

void apply_rss(RssPlan& plan, rte_eth_conf& conf) {
  if (!plan.enabled()) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
    conf.rx_adv_conf.rss_conf = {};
    return;
  }
  conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
  conf.rx_adv_conf.rss_conf = conf_of(plan);
}

std::string describe(const RssPlan& plan) {
  if (!plan.enabled()) return "none";
  std::string text;
  const auto add = [&](std::uint64_t types, const char* name) {
    if ((plan.hash_types & types) != 0) text += (text.empty() ? "" : ",") + std::string(name);
  };
  add(kTcp, "tcp");
  add(kUdp, "udp");
  add(kIp, "ip");
  return text + (plan.key.empty() ? " device-key" : " symmetric");
}

std::vector<unsigned> read_table(std::uint16_t ethdev, std::uint16_t size) {
  if (size == 0) return {};
  auto groups = groups_for(size);
  mark(groups, size);
  if (rte_eth_dev_rss_reta_query(ethdev, groups.data(), size) != 0) return {};
  std::vector<unsigned> queues(size);
  for (std::size_t i = 0; i < size; ++i) {
    queues[i] = groups[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
  }
  return queues;
}

int write_table(std::uint16_t ethdev, std::span<const unsigned> queues) {
  auto groups = groups_for(queues.size());
  mark(groups, queues.size());
  for (std::size_t i = 0; i < queues.size(); ++i) {
    groups[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] =
        static_cast<std::uint16_t>(queues[i]);
  }
  return rte_eth_dev_rss_reta_update(
      ethdev, groups.data(), static_cast<std::uint16_t>(queues.size())
  );
}

bool rss_in_force(std::uint16_t ethdev, const RssPlan& plan, std::span<const unsigned> table) {
  // Our key is there already: a driver that does not fill it in has not changed it either. Drivers
  // copy as many bytes as their key has, whatever length they are told.
  std::vector<std::uint8_t> key(std::max(plan.key.size(), kLargestKeyBytes));
  std::copy(plan.key.begin(), plan.key.end(), key.begin());
  rte_eth_rss_conf now{};
  now.rss_key = plan.key.empty() ? nullptr : key.data();
  now.rss_key_len = static_cast<std::uint8_t>(plan.key.size());
  if (rte_eth_dev_rss_hash_conf_get(ethdev, &now) == 0) {
    if (now.rss_hf != plan.hash_types) return false;
    if (!std::equal(plan.key.begin(), plan.key.end(), key.begin())) return false;
  }
  if (table.empty()) return true;
  const std::vector<unsigned> spreads =
      read_table(ethdev, static_cast<std::uint16_t>(table.size()));
  return spreads.empty() || std::equal(spreads.begin(), spreads.end(), table.begin());
}

int set_rss(std::uint16_t ethdev, RssPlan& plan, std::span<const unsigned> table) {
  rte_eth_rss_conf conf = conf_of(plan);
  const int result = rte_eth_dev_rss_hash_update(ethdev, &conf);
  if (result != 0 || table.empty()) return result;
  return write_table(ethdev, table);  // last: a new key may reset it
}

}  // namespace fairlead::dataplane
