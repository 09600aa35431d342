// SPDX-License-Identifier: BSD-3-Clause
// rtnetlink and /proc/net, read only.
#include "dataplane/kernel_neighbours.hh"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>

#include <linux/ethtool.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/base/printable.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::dataplane {
namespace {

using net::Family;
using net::IpAddr;

constexpr unsigned kUsable = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;

std::optional<Neighbour> read_neighbour(const nlmsghdr* header, unsigned interface_index) {
  const auto* entry = static_cast<const ndmsg*>(NLMSG_DATA(header));
  if (static_cast<unsigned>(entry->ndm_ifindex) != interface_index) return std::nullopt;
  if ((entry->ndm_state & kUsable) == 0) return std::nullopt;
  if (entry->ndm_family != AF_INET && entry->ndm_family != AF_INET6) return std::nullopt;
  Neighbour neighbour;
  neighbour.address.family = entry->ndm_family == AF_INET ? Family::kIpv4 : Family::kIpv6;
  const std::size_t address_bytes = neighbour.address.is_v4() ? 4 : 16;
  bool has_mac = false;
  auto left = static_cast<int>(header->nlmsg_len - NLMSG_LENGTH(sizeof *entry));
  const auto* attribute = reinterpret_cast<const rtattr*>(
      reinterpret_cast<const char*>(entry) + NLMSG_ALIGN(sizeof *entry)
  );
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    const std::size_t size = RTA_PAYLOAD(attribute);
    if (attribute->rta_type == NDA_DST && size == address_bytes) {
      std::memcpy(neighbour.address.bytes.data(), RTA_DATA(attribute), size);
    } else if (attribute->rta_type == NDA_LLADDR && size == 6) {
      std::memcpy(neighbour.mac.bytes.data(), RTA_DATA(attribute), size);
      has_mac = true;
    }
  }
  if (!has_mac || neighbour.mac.is_zero()) return std::nullopt;
  return neighbour;
}

std::string read_file(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::optional<std::uint32_t> hex(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

base::Result<KernelInterface> kernel_interface(const std::string& name) {
  KernelInterface found;
  found.index = ::if_nametoindex(name.c_str());
  if (found.index == 0) {
    return base::invalid(
        "ports[].device: interface " + base::quoted(name) + " is not there; see 'ip link'"
    );
  }
  const sys::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  if (::ioctl(socket.get(), SIOCGIFMTU, &request) != 0) {
    return base::system_error("read the MTU of " + name, errno);
  }
  found.mtu = static_cast<unsigned>(request.ifr_mtu);
  if (::ioctl(socket.get(), SIOCGIFHWADDR, &request) != 0) {
    return base::system_error("read the MAC address of " + name, errno);
  }
  std::memcpy(found.mac.bytes.data(), request.ifr_hwaddr.sa_data, 6);
  if (::ioctl(socket.get(), SIOCGIFFLAGS, &request) == 0) {
    constexpr int kUp = IFF_UP | IFF_RUNNING;
    found.running = (request.ifr_flags & kUp) == kUp;
  }
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  request.ifr_data = reinterpret_cast<char*>(&channels);
  if (::ioctl(socket.get(), SIOCETHTOOL, &request) == 0) {
    found.receive_queues = channels.combined_count + channels.rx_count;
  }
  return found;
}

base::Result<std::vector<Neighbour>> kernel_neighbours(unsigned interface_index) {
  const sys::UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.valid()) return base::system_error("open a netlink socket", errno);
  const timeval patience{1, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  struct {
    nlmsghdr header;
    ndmsg body;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_GETNEIGH;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.ndm_ifindex = static_cast<int>(interface_index);
  if (::send(socket.get(), &request, sizeof request, 0) < 0) {
    return base::system_error("ask the kernel for its neighbours", errno);
  }
  std::vector<Neighbour> all;
  alignas(nlmsghdr) std::array<char, 16384> buffer;
  while (true) {
    const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (got < 0) return base::system_error("read the kernel's neighbours", errno);
    auto left = static_cast<unsigned>(got);
    const auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data());
    for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) return all;
      if (header->nlmsg_type != RTM_NEWNEIGH) continue;
      if (const auto neighbour = read_neighbour(header, interface_index)) all.push_back(*neighbour);
    }
    if (got == 0) return all;
  }
}

void provoke_resolution(const IpAddr& address, const std::string& interface) {
  const int family = address.is_v4() ? AF_INET : AF_INET6;
  const sys::UniqueFd socket(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return;
  ::setsockopt(
      socket.get(),
      SOL_SOCKET,
      SO_BINDTODEVICE,
      interface.c_str(),
      static_cast<socklen_t>(interface.size())
  );
  constexpr std::uint16_t kDiscard = 9;
  if (address.is_v4()) {
    // Without an address there is no question to ask, and worse: in a namespace that has none at
    // all Linux takes every destination for a broadcast and keeps a neighbour entry that says so.
    ifreq request{};
    std::strncpy(request.ifr_name, interface.c_str(), IFNAMSIZ - 1);
    if (::ioctl(socket.get(), SIOCGIFADDR, &request) != 0) return;
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(kDiscard);
    std::memcpy(&to.sin_addr, address.bytes.data(), 4);
    ::sendto(socket.get(), "", 0, MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  } else {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(kDiscard);
    to.sin6_scope_id = ::if_nametoindex(interface.c_str());
    std::memcpy(&to.sin6_addr, address.bytes.data(), 16);
    ::sendto(socket.get(), "", 0, MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
}

// Columns of /proc/net/route: Iface Destination Gateway Flags RefCnt Use Metric Mask ...; addresses
// are hexadecimal words in host order.
std::optional<IpAddr> default_gateway4(std::string_view route_text, std::string_view interface) {
  std::istringstream lines{std::string(route_text)};
  std::string line;
  std::optional<IpAddr> best;
  std::uint32_t best_metric = std::numeric_limits<std::uint32_t>::max();
  while (std::getline(lines, line)) {
    std::istringstream columns(line);
    std::string name, destination, gateway, flags, references, use, mask;
    std::uint32_t metric = 0;
    columns >> name >> destination >> gateway >> flags >> references >> use >> metric >> mask;
    if (!columns || name != interface || destination != "00000000" || mask != "00000000") continue;
    const auto word = hex(gateway);
    if (!word || *word == 0 || metric >= best_metric) continue;
    best_metric = metric;
    IpAddr address;
    std::memcpy(address.bytes.data(), &*word, 4);
    best = address;
  }
  return best;
}

// Columns of /proc/net/ipv6_route: destination, its length, source, its length, next hop, metric,
// references, use, flags, interface; all hexadecimal, addresses as on the wire.
std::optional<IpAddr> default_gateway6(std::string_view route_text, std::string_view interface) {
  std::istringstream lines{std::string(route_text)};
  std::string line;
  std::optional<IpAddr> best;
  std::uint32_t best_metric = std::numeric_limits<std::uint32_t>::max();
  while (std::getline(lines, line)) {
    std::istringstream columns(line);
    std::string destination, length, source, source_length, hop, metric, references, use, flags,
        name;
    columns >> destination >> length >> source >> source_length >> hop >> metric >> references >>
        use >> flags >> name;
    if (!columns || name != interface || length != "00" || hop.size() != 32) continue;
    const auto cost = hex(metric);
    if (!cost || *cost >= best_metric || hop.find_first_not_of('0') == std::string::npos) continue;
    IpAddr address;
    address.family = Family::kIpv6;
    bool good = true;
    for (std::size_t i = 0; i < 16 && good; ++i) {
      const auto byte = hex(std::string_view(hop).substr(i * 2, 2));
      good = byte.has_value();
      if (good) address.bytes[i] = static_cast<std::uint8_t>(*byte);
    }
    if (!good) continue;
    best_metric = *cost;
    best = address;
  }
  return best;
}

std::optional<IpAddr> default_gateway(Family family, const std::string& interface) {
  return family == Family::kIpv4 ? default_gateway4(read_file("/proc/net/route"), interface)
                                 : default_gateway6(read_file("/proc/net/ipv6_route"), interface);
}

}  // namespace fairlead::dataplane
