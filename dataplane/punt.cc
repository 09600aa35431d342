// SPDX-License-Identifier: BSD-3-Clause
// The rings between workers and the main thread, and the tap behind them.
#include "dataplane/punt.hh"

#include <cstring>

#include <rte_errno.h>
#include <rte_ethdev.h>

#include "dataplane/captured_stderr.hh"
#include "dataplane/device.hh"
#include "dataplane/port.hh"

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

std::string Tap::device(unsigned number, const std::string& interface) {
  return "net_tap_punt" + std::to_string(number) + ",iface=" + interface;
}

base::Result<Tap> Tap::open(
    unsigned number, const std::string& interface, const net::MacAddr& mac
) {
  constexpr std::uint16_t kSlots = 256;
  const std::string name = device_name(device(number, interface));
  FL_ASSIGN(rte_mempool * pool, make_pool("fl_tap" + std::to_string(number), kTapBuffers));
  std::uint16_t ethdev = 0;
  const rte_eth_conf conf{};
  rte_ether_addr address{};
  std::memcpy(address.addr_bytes, mac.bytes.data(), mac.bytes.size());
  CapturedStderr captured;
  if (rte_eth_dev_get_port_by_name(name.c_str(), &ethdev) != 0 ||
      rte_eth_dev_configure(ethdev, 1, 1, &conf) != 0 ||
      rte_eth_rx_queue_setup(ethdev, 0, kSlots, kAnySocket, nullptr, pool) != 0 ||
      rte_eth_tx_queue_setup(ethdev, 0, kSlots, kAnySocket, nullptr) != 0 ||
      rte_eth_dev_start(ethdev) != 0 || rte_eth_dev_default_mac_addr_set(ethdev, &address) != 0) {
    return base::fail(
        base::ErrorCode::kFailedPrecondition,
        "ports[" + std::to_string(number) + "].punt_tap: cannot make '" + interface +
            "'; check that /dev/net/tun is there and no interface has the name (" +
            telling_line(captured.restore()) + ")"
    );
  }
  return Tap(ethdev);
}

Tap::~Tap() {
  if (ethdev_ == kNone) return;
  rte_eth_dev_stop(ethdev_);
  rte_eth_dev_close(ethdev_);
}

void Tap::to_kernel(rte_mbuf* packet) {
  if (rte_eth_tx_burst(ethdev_, 0, &packet, 1) == 0) rte_pktmbuf_free(packet);
}

rte_mbuf* Tap::from_kernel() {
  rte_mbuf* packet = nullptr;
  return rte_eth_rx_burst(ethdev_, 0, &packet, 1) == 1 ? packet : nullptr;
}

}  // namespace fairlead::dataplane
