// SPDX-License-Identifier: BSD-3-Clause
// This host's open connections to its vips and how soon it answers on them, as the kernel sees it
// (sock_diag netlink): no change of the service is needed.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/base/clock.hh"
#include "dataplane/base/result.hh"
#include "ebpf/vip_table.hh"

namespace fairlead::agent {

struct SocketLoad {
  std::uint32_t established = 0;
  std::uint32_t answers = 0;  // connections whose last answer ended within the period
  double mean_latency_us =
      0;  // of these, from the last byte of the request to the last of the answer
};

/// ESTABLISHED TCP sockets of this network namespace whose local address and port are those of a
/// TCP vip in `vips`. `period`: since the look before. The kernel counts in its ticks (1 to 10 ms),
/// so one latency may be wrong by one; the mean is right, because both ends are rounded alike.
/// Connections that open and close within a period are not seen. Costs about 1 us for each socket,
/// and one walk of the kernel's table, whose buckets are many on a host with much memory: 262144
/// buckets take 1 to 2 ms (net.ipv4.tcp_ehash_entries; thash_entries= at boot makes it smaller).
base::Result<SocketLoad> look_at_sockets(
    std::span<const ebpf::ServedVip> vips, base::Nanoseconds period
);

}  // namespace fairlead::agent
