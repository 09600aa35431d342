// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/pool.hh"

#include <rte_errno.h>
#include <rte_mbuf.h>

#include "dataplane/sizing.hh"
#include "dataplane/sys/log.hh"

namespace fairlead::dataplane {

base::Result<rte_mempool*> make_pool(const std::string& name, std::uint32_t buffers, int socket) {
  const auto make = [&](int at) {
    return rte_pktmbuf_pool_create(name.c_str(), buffers, kPoolCache, 0, kBufferBytes, at);
  };
  rte_mempool* pool = make(socket);
  if (pool == nullptr && socket != SOCKET_ID_ANY) {
    pool = make(SOCKET_ID_ANY);
    if (pool != nullptr) {
      sys::log_warn(
          "no room for packet buffers on the port's NUMA socket pool=" + name +
          " socket=" + std::to_string(socket) + ": they lie on another one, which is slower"
      );
    }
  }
  if (pool == nullptr) {
    return base::fail(
        base::ErrorCode::kResourceExhausted,
        "memory: no room for " + std::to_string(buffers) + " packet buffers, " +
            std::to_string(buffer_memory_mb(buffers)) + " MiB (" + rte_strerror(rte_errno) +
            "); free hugepages or use fewer workers"
    );
  }
  return pool;
}

}  // namespace fairlead::dataplane
