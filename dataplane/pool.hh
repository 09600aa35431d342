// SPDX-License-Identifier: BSD-3-Clause
// Packet buffers.
#pragma once

#include <cstdint>
#include <string>

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "dataplane/base/result.hh"

namespace fairlead::dataplane {

/// Of each packet buffer: 2 KiB of data and 128 bytes of headroom.
inline constexpr std::uint32_t kBufferBytes = RTE_MBUF_DEFAULT_BUF_SIZE;

/// A pool of packet buffers, on a NUMA socket if there is room, else anywhere.
base::Result<rte_mempool*> make_pool(
    const std::string& name, std::uint32_t buffers, int socket = SOCKET_ID_ANY
);

}  // namespace fairlead::dataplane
