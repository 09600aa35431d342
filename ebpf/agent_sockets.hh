// SPDX-License-Identifier: BSD-3-Clause
// Counts this host's open connections to its vips, as the kernel sees them (sock_diag netlink).
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/base/result.hh"
#include "ebpf/vip_table.hh"

namespace fairlead::agent {

/// ESTABLISHED TCP sockets of this network namespace whose local address and port are those of a
/// TCP vip in `vips`. Costs one pass over the established sockets of each family used, about 1 us
/// for each socket.
base::Result<std::uint32_t> count_established(std::span<const ebpf::ServedVip> vips);

}  // namespace fairlead::agent
