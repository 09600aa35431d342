// SPDX-License-Identifier: BSD-3-Clause
// Who fills in the checksum of outer IPv4 headers: this process, or the port.
#pragma once

#include <cstdint>
#include <string>

#include <rte_ethdev.h>

#include "control/model/model.hh"

namespace fairlead::dataplane {

/// What was agreed with a port. Only one bit is ever asked for, and only if that very bit is
/// offered: what a port says of TCP, UDP or outer headers of tunnels says nothing of IPv4 headers
/// (vmxnet3 and virtio offer TCP and UDP without it).
struct ChecksumPlan {
  bool by_port = false;  // RTE_ETH_TX_OFFLOAD_IPV4_CKSUM is on
  bool wanted = false;   // `checksums: auto`
  bool offered = false;  // the port has the bit
};

/// `offers`: rte_eth_dev_info's tx_offload_capa. Pure.
///
/// Nothing is asked of reception: the stages verify every IPv4 header whatever the port says of it,
/// eight at a time and on the line they read anyway, so a port's word would spare nothing.
ChecksumPlan plan_checksums(model::Checksums wanted, std::uint64_t offers);

/// What to try when configuring with `plan` failed: software.
ChecksumPlan weaker(const ChecksumPlan& plan);

/// Puts the plan into a configuration.
void apply_checksums(const ChecksumPlan& plan, rte_eth_conf& conf);

/// "port", "software", and with `checksums: auto` why: "software (not offered)" or "software
/// (refused)".
std::string describe(const ChecksumPlan& plan);

}  // namespace fairlead::dataplane
