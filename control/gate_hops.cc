// SPDX-License-Identifier: BSD-3-Clause
// Routes and neighbours of the gate's interface.
#include "control/gate_hops.hh"

#include <algorithm>
#include <vector>

#include "dataplane/device.hh"
#include "dataplane/kernel_neighbours.hh"
#include "dataplane/sys/log.hh"

namespace fairlead::control {
namespace {

/// The configured port on the gate's interface; its gateway settings hold for the gate too.
model::Port port_of(const config::Config& config) {
  for (const model::Port& port : config.ports)
    if (dataplane::kernel_interface_of(port.device) == config.interface) return port;
  return {};
}

std::optional<net::MacAddr> find(
    const std::vector<dataplane::Neighbour>& known, const net::IpAddr& address
) {
  const auto it = std::find_if(known.begin(), known.end(), [&](const dataplane::Neighbour& n) {
    return n.address == address;
  });
  if (it == known.end()) return std::nullopt;
  return it->mac;
}

using Known = std::vector<dataplane::Neighbour>;
using Wanted = std::optional<net::IpAddr>;

/// `missing` becomes true where an address is wanted that the kernel has not resolved yet.
net::MacAddr resolve(
    const Known& known, const Wanted& address, const std::string& interface, bool& missing
) {
  if (!address) return {};
  if (const auto mac = find(known, *address)) return *mac;
  dataplane::provoke_resolution(*address, interface);
  missing = true;
  return {};
}

}  // namespace

ebpf::GateHops GateHopsWatch::look(const Node& node, bool& missing) const {
  const std::string& interface = node.config.interface;
  ebpf::GateHops hops;
  const auto kernel = dataplane::kernel_interface(interface);
  if (!kernel) return told_.value_or(hops);
  hops.own = kernel->mac;
  hops.mtu = kernel->mtu;
  const auto known = dataplane::kernel_neighbours(kernel->index);
  if (!known) return told_.value_or(hops);
  const model::Port port = port_of(node.config);
  if (port.gateway_mac) {
    hops.gateway4 = hops.gateway6 = *port.gateway_mac;
  } else {
    const auto gateway = [&](net::Family family, const Wanted& configured) {
      return configured ? configured : dataplane::default_gateway(family, interface);
    };
    hops.gateway4 = resolve(*known, gateway(net::Family::kIpv4, port.gateway), interface, missing);
    hops.gateway6 = resolve(*known, gateway(net::Family::kIpv6, port.gateway6), interface, missing);
  }
  for (const model::Vip& vip : node.config.vips) {
    if (vip.encapsulation != model::Encapsulation::kL2) continue;
    for (const model::Backend& backend : vip.backends) {
      const auto number = node.publisher.steering().backend_number(backend.id);
      if (!number || backend.mac) continue;
      const net::MacAddr mac = resolve(*known, backend.address, interface, missing);
      if (!mac.is_zero()) hops.backends[*number] = mac;
    }
  }
  return hops;
}

void GateHopsWatch::tick(Node& node, base::Nanoseconds now) {
  if (!node.gate || now < next_) return;
  bool missing = false;
  const ebpf::GateHops hops = look(node, missing);
  next_ = now + (missing && hasty_++ < kHastyLooks ? kHastyPeriod : kPeriod);
  if (!missing) hasty_ = 0;
  if (told_ == hops) return;
  const auto done = node.gate->set_hops(hops);
  if (!done) {
    sys::log_error("gate keeps its old next hops: " + done.error().what);
    return;
  }
  told_ = hops;
  sys::log_info(
      "gate next hops gateway4=" + hops.gateway4.to_string() +
      " gateway6=" + hops.gateway6.to_string() + " mtu=" + std::to_string(hops.mtu)
  );
}

}  // namespace fairlead::control
