// SPDX-License-Identifier: BSD-3-Clause
// Configures DPDK ports; what the drivers print on failure becomes one sentence.
#include "dataplane/port.hh"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>

#include "dataplane/balance.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/captured_stderr.hh"
#include "dataplane/device.hh"
#include "dataplane/eal.hh"
#include "dataplane/kernel_neighbours.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::dataplane {
namespace {

constexpr base::Nanoseconds kQueueIsFreed = base::kSecond;  // seen: some milliseconds

// After a device was closed, EAL still knows it by its name.
void forget_device(const std::string& device) {
  const CapturedStderr captured;
  const char* bus = is_pci_device(device) ? "pci" : "vdev";
  (void)rte_eal_hotplug_remove(bus, device_name(device).c_str());
}

std::string where(const std::string& device) {
  return "ports[].device " + base::quoted(device, 200) + ": ";
}

const char* what_to_check(const std::string& device) {
  if (device.rfind("net_memif", 0) == 0)
    return "check that its server runs and that 'socket' names the server's socket";
  return "check that the interface is up and, for AF_XDP, that "
         "fairlead-control has attached its gate and no other process has the queue";
}

base::Error port_error(
    const std::string& device, const char* doing, int result, const std::string& log
) {
  const std::string why = log.empty() ? std::strerror(-result) : telling_line(log);
  // Many drivers answer -1, which is -EPERM, to whatever fails: their words count, if they have
  // any.
  const auto says = [&](const char* words) { return log.find(words) != std::string::npos; };
  if ((log.empty() && result == -EPERM) || result == -EACCES || says("not permitted") ||
      says("ermission denied")) {
    return {
        base::ErrorCode::kPermissionDenied,
        where(device) +
            "not permitted; run as root or give CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF (" + why +
            ")"};
  }
  if (says("busy") || result == -EBUSY) {
    return {
        base::ErrorCode::kFailedPrecondition,
        where(device) + "queue is in use by another process; stop that one first (" + why + ")"};
  }
  return {
      base::ErrorCode::kFailedPrecondition,
      where(device) + "cannot " + doing + "; " + what_to_check(device) + " (" + why + ")"};
}

}  // namespace

base::Result<unsigned> queues_of(const std::string& device, const QueueCount& count) {
  const auto interface = kernel_interface_of(device);
  if (!interface || device_argument(device, "start_queue") ||
      device_argument(device, "queue_count") || device.rfind("net_af_xdp", 0) != 0) {
    return count.wanted;
  }
  FL_ASSIGN(const KernelInterface kernel, kernel_interface(*interface));
  const unsigned queues = kernel.receive_queues == 0 ? count.least : kernel.receive_queues;
  if (queues < count.least) {
    return base::invalid(
        where(device) + "interface " + *interface + " has " + std::to_string(queues) +
        " receive queue(s) for " + std::to_string(count.least) + " workers; 'ethtool -L " +
        *interface + " combined " + std::to_string(count.least) +
        "' (veth: rx and tx) or lower workers.count"
    );
  }
  return queues;
}

base::Result<void> Port::find_devices(unsigned queues) {
  for (const std::string& device : queue_devices(device_, queues)) {
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

// Where memory is too short for all pools the rings are made smaller, and it is said.
base::Result<void> Port::make_pools(unsigned queues) {
  rte_eth_dev_info info{};
  (void)rte_eth_dev_info_get(ethdevs_[0], &info);
  socket_ = rte_eth_dev_socket_id(ethdevs_[0]);
  const DeviceLimits limits{
      info.rx_desc_lim.nb_max,
      info.rx_desc_lim.nb_min,
      info.rx_desc_lim.nb_align,
      info.tx_desc_lim.nb_max,
      info.tx_desc_lim.nb_min,
      info.tx_desc_lim.nb_align};
  for (unsigned halvings = 0;; ++halvings) {
    sizes_ = size_queue(device_, limits, halvings);
    base::Result<rte_mempool*> pool = nullptr;
    for (unsigned q = 0; q < queues; ++q) {
      const std::string name = "fl_p" + std::to_string(number_) + "q" + std::to_string(q);
      pool = make_pool(name, sizes_.buffers, socket_);
      if (!pool) break;
      pools_.push_back(*pool);
    }
    if (pool) return {};
    free_pools();
    if (!may_halve(sizes_, device_)) return tl::unexpected<base::Error>(pool.error());
    sys::log_warn(
        "memory is short: rings are halved port=" + std::to_string(number_) +
        " buffers_wanted=" + std::to_string(std::uint64_t{sizes_.buffers} * queues)
    );
  }
}

int Port::try_start(std::uint16_t ethdev, unsigned first_queue, unsigned queues) {
  rte_eth_conf conf{};
  apply_rss(rss_, conf);
  apply_checksums(checksums_, conf);
  const auto count = static_cast<std::uint16_t>(queues);
  std::uint16_t rx = sizes_.rx_descriptors;
  std::uint16_t tx = sizes_.tx_descriptors;
  int r = rte_eth_dev_configure(ethdev, count, count, &conf);
  if (r == 0 && wishes_.mtu != 0) {
    r = mtu_refusal_ = rte_eth_dev_set_mtu(ethdev, static_cast<std::uint16_t>(wishes_.mtu));
  }
  if (r == 0) r = rte_eth_dev_adjust_nb_rx_tx_desc(ethdev, &rx, &tx);
  for (std::uint16_t q = 0; q < count && r == 0; ++q) {
    r = rte_eth_rx_queue_setup(ethdev, q, rx, kAnySocket, nullptr, pools_[first_queue + q]);
    if (r == 0) r = rte_eth_tx_queue_setup(ethdev, q, tx, kAnySocket, nullptr);
  }
  if (r == 0) r = rte_eth_dev_start(ethdev);
  return r;
}

base::Result<void> Port::refused_mtu(const rte_eth_dev_info& info) const {
  // DPDK compares frames too where a driver names no MTU of its own, as net_tap does.
  constexpr std::uint32_t kFrame = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
  std::uint32_t most = info.max_mtu;
  if (most == UINT16_MAX && info.max_rx_pktlen > kFrame)
    most = std::min(most, info.max_rx_pktlen - kFrame);
  return base::invalid(
      "ports[].mtu " + std::to_string(wishes_.mtu) + ": the device " + base::quoted(device_, 200) +
      " does not take it (" + std::strerror(-mtu_refusal_) + "), it says " +
      std::to_string(info.min_mtu) + " to " + std::to_string(most) +
      "; leave mtu out for the device's own"
  );
}

base::Result<void> Port::configure(std::uint16_t ethdev, unsigned first_queue, unsigned queues) {
  rte_eth_dev_info info{};
  if (const int r = rte_eth_dev_info_get(ethdev, &info); r != 0) {
    return tl::unexpected<base::Error>(port_error(device_, "be asked for its features", r, {}));
  }
  driver_ = info.driver_name;
  rss_ = plan_rss(info, queues);
  const bool software = first_queue != 0 && !checksums_.by_port;  // one way for all its devices
  checksums_ = plan_checksums(wishes_.checksums, info.tx_offload_capa);
  if (software) checksums_ = weaker(checksums_);
  const XdpFiles others = XdpFiles::of_this_process();
  CapturedStderr captured;
  int r = try_start(ethdev, first_queue, queues);
  if (r != 0 && mtu_refusal_ == 0 && checksums_.by_port) {
    checksums_ = weaker(checksums_);
    r = try_start(ethdev, first_queue, queues);
  }
  while (r != 0 && mtu_refusal_ == 0 && rss_.enabled()) {
    rss_ = weaker(rss_);
    r = try_start(ethdev, first_queue, queues);
  }
  const std::string log = captured.restore();
  xdp_files_.add(XdpFiles::of_this_process().without(others));
  if (mtu_refusal_ != 0) return refused_mtu(info);
  if (r != 0) return tl::unexpected<base::Error>(port_error(device_, "be started", r, log));
  for (std::uint16_t q = 0; q < queues; ++q) queues_.push_back({ethdev, q});
  if (rss_.enabled()) table_ = read_table(ethdev, rss_.table_size);
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

base::Result<Port> Port::open(
    const std::string& device, unsigned number, const QueueCount& count, const PortWishes& wishes
) {
  Port port;
  port.wishes_ = wishes;
  port.device_ = device;
  port.number_ = number;
  port.interface_ = kernel_interface_of(device);
  if (const auto done = port.set_up(count); !done) {
    port.close();
    port.free_pools();  // their names are the number's: the next port with it makes them again
    return tl::unexpected<base::Error>(done.error());
  }
  return port;
}

base::Result<void> Port::set_up(const QueueCount& count) {
  FL_ASSIGN(unsigned queues, queues_of(device_, count));
  FL_TRY(find_devices(queues));
  const auto devices = static_cast<unsigned>(ethdevs_.size());
  if (devices == 1) {
    rte_eth_dev_info info{};
    (void)rte_eth_dev_info_get(ethdevs_[0], &info);
    const unsigned most = std::min(info.max_rx_queues, info.max_tx_queues);
    if (most < count.least) {
      return base::invalid(
          where(device_) + "has " + std::to_string(most) + " queues for " +
          std::to_string(count.least) + " workers; lower workers.count"
      );
    }
    queues = std::min(queues, most);
  }
  FL_TRY(make_pools(queues));
  for (unsigned d = 0; d < devices; ++d) {
    FL_TRY(configure(ethdevs_[d], d, devices == 1 ? queues : 1));
  }
  FL_TRY(read_link());
  rules_ = std::make_unique<FlowRules>(ethdevs_[0], rss_);
  return {};
}

namespace {

base::Result<Port> plug_once(
    const std::string& device, unsigned number, const QueueCount& count, const PortWishes& wishes
) {
  FL_ASSIGN(const unsigned queues, queues_of(device, count));
  std::vector<std::string> known;
  for (const std::string& one : queue_devices(device, queues)) {
    CapturedStderr captured;
    const int r = rte_dev_probe(one.c_str());
    const std::string log = captured.restore();
    if (r == 0) {
      known.push_back(one);
      continue;
    }
    for (const std::string& made : known) forget_device(made);
    if (r == -EEXIST)
      return base::fail(base::ErrorCode::kAlreadyExists, where(device) + "is a port already");
    return base::invalid(
        where(device) + "DPDK cannot open it; check driver name, interface and address (" +
        (log.empty() ? std::strerror(-r) : telling_line(log)) + ")"
    );
  }
  auto port = Port::open(device, number, count, wishes);
  if (!port) {
    for (const std::string& made : known) forget_device(made);
  }
  return port;
}

/// A queue on AF_XDP that another socket still has.
bool is_taken(const std::string& device, const base::Result<Port>& port) {
  return !port && device.rfind("net_af_xdp", 0) == 0 &&
         port.error().code == base::ErrorCode::kFailedPrecondition;
}

}  // namespace

base::Result<Port> Port::plug(
    const std::string& device, unsigned number, const QueueCount& count, const PortWishes& wishes
) {
  if (is_pci_device(device) && rte_eal_has_pci() == 0) {
    return base::fail(
        base::ErrorCode::kFailedPrecondition,
        where(device) +
            "this process was started without a PCI port, so DPDK's PCI bus is off; put the port "
            "into the configuration and restart fairlead-dataplane"
    );
  }
  // The kernel gives a queue free in its own time after its socket was closed. All is opened anew:
  // a queue that was bound before the one that was taken would have two sockets.
  const base::Nanoseconds deadline = sys::monotonic_ns() + kQueueIsFreed;
  for (;;) {
    auto port = plug_once(device, number, count, wishes);
    if (!is_taken(device, port) || sys::monotonic_ns() > deadline) return port;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

bool Port::spread_to(const std::vector<unsigned>& queues) {
  bool changed = false;
  if (!table_.empty() && !queues.empty()) {
    const std::vector<unsigned> next = rebalance(table_, queues);
    const int result = next == table_ ? 0 : write_table(ethdevs_[0], next);
    kept_table_because_ = result == 0 ? "" : std::strerror(-result);
    if (result == 0 && next != table_) {
      table_ = next;
      changed = true;
    }
  }
  spread_.assign(queues.begin(), queues.end());
  return follow_vips(vips_) || changed;
}

bool Port::follow_vips(const std::vector<VipMatch>& vips) {
  vips_ = vips;
  if (spread_.empty() || ethdevs_.size() != 1) return false;
  return rules_->follow(vips_, spread_, table_);
}

fl_port_steering Port::steering() const {
  if (rules_->count() != 0) return FL_STEERING_RULES;
  if (queues() < 2) return FL_STEERING_ONE_QUEUE;
  return rss_.enabled() ? FL_STEERING_RSS : FL_STEERING_DEVICE;
}

void Port::close() {
  if (ethdevs_.empty()) return;
  const CapturedStderr captured;  // AF_XDP's driver complains that it cannot detach our gate
  rules_->clear();
  for (const std::uint16_t ethdev : ethdevs_) {
    rte_eth_dev_stop(ethdev);
    rte_eth_dev_close(ethdev);
  }
  ethdevs_.clear();
  xdp_files_.close_those_left();
}

void Port::unplug() {
  close();
  for (const std::string& one : queue_devices(device_, queues())) forget_device(one);
  free_pools();
}

void Port::free_pools() {
  for (rte_mempool* pool : pools_) rte_mempool_free(pool);
  pools_.clear();
}

const char* to_string(fl_port_steering steering) {
  switch (steering) {
    case FL_STEERING_ONE_QUEUE:
      return "one-queue";
    case FL_STEERING_DEVICE:
      return "device";
    case FL_STEERING_RSS:
      return "rss";
    case FL_STEERING_RULES:
      return "rules";
  }
  return "";
}

}  // namespace fairlead::dataplane
