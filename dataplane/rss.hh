// SPDX-License-Identifier: BSD-3-Clause
// Receive side scaling: how a port's hardware spreads flows over its queues.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <rte_ethdev.h>

namespace fairlead::dataplane {

/// What is asked of a port. The key makes Toeplitz symmetric, so that both directions of a flow
/// (and a flow whose ends are swapped inside an ICMP error) hash alike: Woo and Park, "Scalable TCP
/// Session Monitoring with Symmetric Receive-side Scaling", 2012.
struct RssPlan {
  std::uint64_t hash_types = 0;   // RTE_ETH_RSS_*; 0: no RSS
  std::vector<std::uint8_t> key;  // empty: the device's own
  std::uint16_t table_size = 0;   // entries of the indirection table; 0: cannot be written
  [[nodiscard]] bool enabled() const { return hash_types != 0; }
};

/// 0x6d5a, repeated to `bytes`.
std::vector<std::uint8_t> symmetric_key(std::size_t bytes);

/// The best that a port with `queues` queues says it can do: addresses and ports of TCP and UDP,
/// addresses alone for the rest and for fragments, as far as it knows them. Pure.
RssPlan plan_rss(const rte_eth_dev_info& info, unsigned queues);

/// What to try when configuring with `plan` failed: first without our key, then without RSS.
RssPlan weaker(const RssPlan& plan);

/// Puts the plan into a configuration; the plan must outlive it.
void apply_rss(RssPlan& plan, rte_eth_conf& conf);

/// "tcp,udp,ip symmetric", "ip device-key", "none".
std::string describe(const RssPlan& plan);

/// The port's indirection table as it is now; empty if it cannot be read.
std::vector<unsigned> read_table(std::uint16_t ethdev, std::uint16_t size);

/// Writes it. 0, or a negative errno value.
int write_table(std::uint16_t ethdev, std::span<const unsigned> queues);

/// Whether the device hashes by the plan's types and key and spreads by `table` (empty: not looked
/// at). What a device does not tell counts as kept.
bool rss_in_force(std::uint16_t ethdev, const RssPlan& plan, std::span<const unsigned> table);

/// Sets types, key and table again at run time. 0, or a negative errno value.
int set_rss(std::uint16_t ethdev, RssPlan& plan, std::span<const unsigned> table);

}  // namespace fairlead::dataplane
