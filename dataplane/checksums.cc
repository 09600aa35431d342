// SPDX-License-Identifier: BSD-3-Clause
// Negotiates the checksum of IPv4 headers with a port.
#include "dataplane/checksums.hh"

namespace fairlead::dataplane {

ChecksumPlan plan_checksums(model::Checksums wanted, std::uint64_t offers) {
  ChecksumPlan plan;
  plan.wanted = wanted == model::Checksums::kAuto;
  plan.offered = (offers & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0;
  plan.by_port = plan.wanted && plan.offered;
  return plan;
}

ChecksumPlan weaker(const ChecksumPlan& plan) {
  ChecksumPlan next = plan;
  next.by_port = false;
  return next;
}

void apply_checksums(const ChecksumPlan& plan, rte_eth_conf& conf) {
  if (plan.by_port) conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
}

std::string describe(const ChecksumPlan& plan) {
  if (plan.by_port) return "port";
  if (!plan.wanted) return "software";
  return plan.offered ? "software (refused)" : "software (not offered)";
}

}  // namespace fairlead::dataplane
