// SPDX-License-Identifier: BSD-3-Clause
// The kernel's neighbour table and default routes, for ports whose interface the kernel owns.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.hh"
#include "dataplane/neighbour_wire.hh"

namespace fairlead::dataplane {

struct KernelInterface {
  unsigned index = 0;
  unsigned mtu = 0;
  bool running = false;         // up, and its peer is there (IFF_UP and IFF_RUNNING)
  unsigned receive_queues = 0;  // as ethtool -l says; 0: it does not say
  net::MacAddr mac;
};

/// Looks an interface up in this process's network namespace.
base::Result<KernelInterface> kernel_interface(const std::string& name);

/// All resolved neighbours of an interface, both families (rtnetlink RTM_GETNEIGH dump). Entries
/// the kernel knows to be dead (FAILED) or not yet answered (INCOMPLETE) are left out.
base::Result<std::vector<Neighbour>> kernel_neighbours(unsigned interface_index);

/// Makes the kernel ask for the address, or confirm what it knows, by sending an empty datagram to
/// the discard port (RFC 863) through the interface. Never blocks; failure shows as no answer.
void provoke_resolution(const net::IpAddr& address, const std::string& interface);

/// The default route's next hop through `interface`, from the text of /proc/net/route and
/// /proc/net/ipv6_route. Empty if there is none or it has no gateway.
std::optional<net::IpAddr>
default_gateway4(std::string_view route_text, std::string_view interface);
std::optional<net::IpAddr>
default_gateway6(std::string_view route_text, std::string_view interface);

/// The same for the running kernel.
std::optional<net::IpAddr> default_gateway(net::Family family, const std::string& interface);

}  // namespace fairlead::dataplane
