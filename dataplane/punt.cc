// SPDX-License-Identifier: BSD-3-Clause
// Makes the rings between workers and the main thread.
#include "dataplane/punt.hh"

#include <rte_errno.h>

namespace fairlead::dataplane {

base::Result<PacketRing> PacketRing::create(const std::string& name) {
  rte_ring* ring =
      rte_ring_create(name.c_str(), kPackets, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
  if (ring == nullptr) {
    return base::fail(
        base::ErrorCode::kResourceExhausted,
        "memory: no room for a ring of packets (" + std::string(rte_strerror(rte_errno)) + ")"
    );
  }
  return PacketRing(ring);
}

}  // namespace fairlead::dataplane
