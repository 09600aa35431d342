// SPDX-License-Identifier: BSD-3-Clause
// DPDK device strings ("net_af_xdp0,iface=eth0", "0000:3b:00.0") as far as we must understand them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fairlead::dataplane {

/// "net_af_xdp0" of "net_af_xdp0,iface=eth0": the name DPDK gives the port.
std::string device_name(std::string_view device);

/// Value of argument `key`, or empty.
std::optional<std::string> device_argument(std::string_view device, std::string_view key);

/// The interface that the kernel owns beside DPDK (net_af_xdp, net_af_packet): its neighbours and
/// routes are the port's. Empty for ports DPDK has for itself.
std::optional<std::string> kernel_interface_of(std::string_view device);

/// What EAL must be given so that the device has `queues` queues. The AF_XDP driver counts
/// only "combined" channels, of which veth has none, so each queue becomes a device of its own:
/// net_af_xdp0q1,iface=eth0,start_queue=1,queue_count=1. AF_PACKET gets qpairs=N.
std::vector<std::string> queue_devices(const std::string& device, unsigned queues);

}  // namespace fairlead::dataplane
