// SPDX-License-Identifier: BSD-3-Clause
// Configures DPDK ports; what the drivers print on failure becomes one sentence.
#include "dataplane/port.hh"

#include <algorithm>
#include <cstring>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/captured_stderr.hh"
#include "dataplane/device.hh"
#include "dataplane/kernel_neighbours.hh"

namespace fairlead::dataplane {
namespace {

constexpr std::uint16_t kDescriptors = 1024;
constexpr std::uint16_t kAfXdpDescriptors = 2048;  // the driver's default: its rings are no smaller
constexpr std::uint32_t kInHand = 512;             // bursts, pool cache, punted packets
constexpr unsigned kPoolCache = 256;

bool is_af_xdp(const std::string& device) {
  return device.rfind("net_af_xdp", 0) == 0;
}

std::string where(const std::string& device) {
  return "ports[].device '" + device + "': ";
}

base::Error port_error(
    const std::string& device, const char* doing, int result, const std::string& log
) {
  const std::string why = log.empty() ? std::strerror(-result) : telling_line(log);
  if (result == -EPERM || result == -EACCES || log.find("not permitted") != std::string::npos) {
    return {
        base::ErrorCode::kPermissionDenied,
        where(device) +
            "not permitted; run as root or give CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF (" + why +
            ")"};
  }
  if (log.find("busy") != std::string::npos || result == -EBUSY) {
    return {
        base::ErrorCode::kFailedPrecondition,
        where(device) + "queue is in use by another process; stop that one first (" + why + ")"};
  }
  return {
      base::ErrorCode::kFailedPrecondition,
      where(device) + "cannot " + doing +
          "; check that the interface is up and, for AF_XDP, that "
          "fairlead-control has attached its gate and no other process has the queue (" +
          why + ")"};
}

}  // namespace

std::uint32_t buffers_per_queue(const std::string& device) {
  const std::uint32_t ring = is_af_xdp(device) ? kAfXdpDescriptors : kDescriptors;
  // AF_XDP: fill ring, packets received and not yet read, packets sent and not yet completed.
  return (is_af_xdp(device) ? 3 : 2) * ring + kInHand + 2 * kPoolCache - 1;
}

std::uint32_t buffer_memory_mb(std::uint64_t buffers) {
  constexpr std::uint64_t kBytes = sizeof(rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE + 128;
  constexpr std::uint64_t kBase = 24;  // ethdev data, rings, malloc's own
  return static_cast<std::uint32_t>((buffers * kBytes * 9 / 8 >> 20) + kBase);
}

base::Result<rte_mempool*> make_pool(const std::string& name, std::uint32_t buffers) {
  rte_mempool* pool = rte_pktmbuf_pool_create(
      name.c_str(), buffers, kPoolCache, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY
  );
  if (pool == nullptr) {
    return base::fail(
        base::ErrorCode::kResourceExhausted,
        "memory: no room for " + std::to_string(buffers) + " packet buffers (" +
            rte_strerror(rte_errno) + "); free hugepages or use fewer workers"
    );
  }
  return pool;
}

base::Result<void> Port::find_devices(unsigned workers) {
  for (const std::string& device : queue_devices(device_, workers)) {
    std::uint16_t id = 0;
    if (rte_eth_dev_get_port_by_name(device_name(device).c_str(), &id) != 0) {
      // A PCI address may be given without its domain.
      if (rte_eth_dev_get_port_by_name(("0000:" + device_name(device)).c_str(), &id) != 0) {
        return base::invalid(where(device_) + "DPDK has no driver for it; check name and binding");
      }
    }
    ethdevs_.push_back(id);
  }
  return {};
}

base::Result<void> Port::configure(std::uint16_t ethdev, unsigned first_worker, unsigned queues) {
  rte_eth_dev_info info{};
  if (const int r = rte_eth_dev_info_get(ethdev, &info); r != 0) {
    return tl::unexpected<base::Error>(port_error(device_, "be asked for its features", r, {}));
  }
  driver_ = info.driver_name;
  if (info.max_rx_queues < queues || info.max_tx_queues < queues) {
    return base::invalid(
        where(device_) + "has " + std::to_string(std::min(info.max_rx_queues, info.max_tx_queues)) +
        " queues for " + std::to_string(queues) + " workers; lower workers.count"
    );
  }
  rte_eth_conf conf{};
  if (queues > 1 && (info.flow_type_rss_offloads & RTE_ETH_RSS_IP) != 0) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf =
        info.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
  }
  CapturedStderr captured;
  const auto count = static_cast<std::uint16_t>(queues);
  int r = rte_eth_dev_configure(ethdev, count, count, &conf);
  std::uint16_t rx = is_af_xdp(device_) ? kAfXdpDescriptors : kDescriptors;
  std::uint16_t tx = rx;
  if (r == 0) r = rte_eth_dev_adjust_nb_rx_tx_desc(ethdev, &rx, &tx);
  for (std::uint16_t q = 0; q < count && r == 0; ++q) {
    queues_.push_back({ethdev, q});
    r = rte_eth_rx_queue_setup(ethdev, q, rx, kAnySocket, nullptr, pools_[first_worker + q]);
    if (r == 0) r = rte_eth_tx_queue_setup(ethdev, q, tx, kAnySocket, nullptr);
  }
  if (r == 0) r = rte_eth_dev_start(ethdev);
  const std::string log = captured.restore();
  if (r != 0) return tl::unexpected<base::Error>(port_error(device_, "be started", r, log));
  // For neighbour discovery on ports of our own; drivers without it are promiscuous anyway.
  if (!interface_) rte_eth_allmulticast_enable(ethdev);
  return {};
}

base::Result<void> Port::read_link() {
  rte_ether_addr address{};
  if (const int r = rte_eth_macaddr_get(ethdevs_[0], &address); r != 0) {
    return tl::unexpected<base::Error>(port_error(device_, "tell its MAC address", r, {}));
  }
  std::memcpy(mac_.bytes.data(), address.addr_bytes, 6);
  rte_eth_dev_get_mtu(ethdevs_[0], &mtu_);
  if (interface_) {
    FL_ASSIGN(const KernelInterface kernel, kernel_interface(*interface_));
    mac_ = kernel.mac;
    mtu_ = static_cast<std::uint16_t>(std::min(kernel.mtu, 65535U));
  }
  return {};
}

base::Result<Port> Port::open(const std::string& device, unsigned number, unsigned workers) {
  Port port;
  port.device_ = device;
  port.number_ = number;
  port.interface_ = kernel_interface_of(device);
  port.buffers_ = buffers_per_queue(device);
  for (unsigned w = 0; w < workers; ++w) {
    const std::string name = "fl_p" + std::to_string(number) + "w" + std::to_string(w);
    FL_ASSIGN(rte_mempool * pool, make_pool(name, port.buffers_));
    port.pools_.push_back(pool);
  }
  FL_TRY(port.find_devices(workers));
  const auto devices = static_cast<unsigned>(port.ethdevs_.size());
  for (unsigned d = 0; d < devices; ++d) {
    FL_TRY(port.configure(port.ethdevs_[d], d, devices == 1 ? workers : 1));
  }
  FL_TRY(port.read_link());
  return port;
}

void Port::close() {
  if (ethdevs_.empty()) return;
  const CapturedStderr captured;  // AF_XDP's driver complains that it cannot detach our gate
  for (const std::uint16_t ethdev : ethdevs_) {
    rte_eth_dev_stop(ethdev);
    rte_eth_dev_close(ethdev);
  }
  ethdevs_.clear();
}

}  // namespace fairlead::dataplane
