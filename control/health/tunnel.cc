// SPDX-License-Identifier: BSD-3-Clause
// TUN device, routing rule, raw sockets.
#include "control/health/tunnel.hh"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/health/sockets.hh"

namespace fairlead::health {
namespace {

constexpr std::string_view kName = "flprobe";
// A mark is this and the index of its device, so that two daemons in a namespace have two marks.
constexpr std::uint32_t kMarkHead = 0x66000000U;
constexpr std::uint32_t kMarkIndex = 0x00ffffffU;

bool is_our_device(unsigned index) {
  char name[IF_NAMESIZE] = {};
  return ::if_indextoname(index, name) != nullptr && std::string_view(name).starts_with(kName);
}

base::Result<void> bring_up(const std::string& name) {
  const sys::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_NOARP;
  if (!socket.valid() || ::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0)
    return base::system_error("bring " + name + " up", errno);
  return {};
}

}  // namespace

base::Result<Tunnel> Tunnel::open() {
  sys::UniqueFd device(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!device.valid()) return base::system_error("open /dev/net/tun", errno);
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::strncpy(request.ifr_name, (std::string(kName) + "%d").c_str(), IFNAMSIZ - 1);
  if (::ioctl(device.get(), TUNSETIFF, &request) != 0)
    return base::system_error("make a TUN device (CAP_NET_ADMIN is needed)", errno);
  const std::string name = request.ifr_name;
  const unsigned index = ::if_nametoindex(name.c_str());
  if (index == 0 || index > kMarkIndex)
    return base::fail(base::ErrorCode::kInternal, "interface index of " + name + " not usable");
  FL_ASSIGN(Routing routing, Routing::open());
  Tunnel tunnel(std::move(device), name, index, std::move(routing));
  FL_TRY(tunnel.set_up());
  return tunnel;
}

Tunnel::Tunnel(sys::UniqueFd device, std::string name, unsigned index, Routing routing)
    : device_(std::move(device)),
      name_(std::move(name)),
      index_(index),
      mark_(kMarkHead | index),
      routing_(std::move(routing)) {}

Tunnel::~Tunnel() {
  if (!device_.valid()) return;  // moved from
  for (const net::Family family : {net::Family::kIpv4, net::Family::kIpv6})
    (void)routing_.remove_rule({family, mark_});
}

base::Result<void> Tunnel::set_up() {
  // The device needs no address and shall not look for routers.
  std::ofstream("/proc/sys/net/ipv6/conf/" + name_ + "/addr_gen_mode") << 1;
  FL_TRY(bring_up(name_));
  remove_stale_rules();
  raw4_ = sys::UniqueFd(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
  if (!raw4_.valid()) return base::system_error("open a raw socket (CAP_NET_RAW is needed)", errno);
  FL_TRY(routing_.add_default(net::Family::kIpv4, mark_, index_));
  FL_TRY(routing_.add_rule({net::Family::kIpv4, mark_}));
  // A host without IPv6 has IPv4 tunnels.
  auto six = routing_.add_default(net::Family::kIpv6, mark_, index_);
  if (six) six = routing_.add_rule({net::Family::kIpv6, mark_});
  if (six) {
    raw6_ = sys::UniqueFd(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
    if (!raw6_.valid()) no_ipv6_ = "no raw socket for IPv6";
  } else {
    no_ipv6_ = "this host has no IPv6 (" + six.error().what + ")";
  }
  return {};
}

// What daemons left that were killed: rules to tables of devices that are no more.
void Tunnel::remove_stale_rules() {
  const auto rules = routing_.rules();
  if (!rules) return;
  for (const MarkRule& rule : *rules) {
    if ((rule.mark & ~kMarkIndex) == kMarkHead && !is_our_device(rule.mark & kMarkIndex))
      (void)routing_.remove_rule(rule);
  }
}

std::string Tunnel::obstacle(const Origin& origin, const Envelope& envelope) {
  if (std::string lacking = missing(origin, envelope); !lacking.empty()) return lacking;
  const net::IpAddr& vip = envelope.vip;
  const net::IpAddr& node = *origin.node(vip.family);
  if ((!vip.is_v4() || !envelope.backend.is_v4()) && !raw6_.valid()) return no_ipv6_;
  const sys::UniqueFd socket(::socket(domain_of(node), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const SocketAddress at_node(node, 0);
  if (::bind(socket.get(), at_node.get(), at_node.size()) != 0)
    return "the node's address " + node.to_string() + " is not an address of this host";
  const auto way = routing_.way(node, vip, mark_);
  if (!way) return way.error().what;
  if (way->local) return vip.to_string() + " is an address of this host itself, see 'ip address'";
  if (way->interface != index_)
    return "another routing rule comes before that of mark " + std::to_string(mark_) +
           ", see 'ip rule'";
  const unsigned in = origin.interface.empty() ? 0 : ::if_nametoindex(origin.interface.c_str());
  if (!vip.is_v4() || in == 0) return "";  // IPv6 has no such filter
  const int refusal = routing_.refusal_of(vip, node, in);
  // Newer kernels (seen: 6.18) do not tell which check it was. A vip is a unicast address of nobody
  // here, so no other is left.
  if (refusal == EXDEV || refusal == EINVAL)
    return "the reverse path filter of " + origin.interface + " would drop answers from " +
           vip.to_string() + ", see sysctl net.ipv4.conf." + origin.interface + ".rp_filter";
  if (refusal != 0)
    return "the kernel would drop answers from " + vip.to_string() + " that come in by " +
           origin.interface + " (" + std::strerror(refusal) + ")";
  return "";
}

Tunnel::Fate Tunnel::end(Port port, const Origin& origin) {
  (void)pump(origin);
  const auto flight = flights_.find(port);
  if (flight == flights_.end()) return {};
  Fate fate = flight->second.fate;
  fate.known = true;
  flights_.erase(flight);
  return fate;
}

bool Tunnel::pump(const Origin& origin) {
  while (true) {
    const ssize_t got = ::read(device_.get(), buffer_.data() + kRoomInFront, kMostBytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN;
    send(static_cast<std::size_t>(got), origin);
  }
}

void Tunnel::send(std::size_t bytes, const Origin& origin) {
  std::uint8_t* const inner = buffer_.data() + kRoomInFront;
  const auto packet = read_segment(inner, bytes);
  if (!packet) return;  // the kernel's own: listeners of multicast groups and the like
  const net::IpAddr source = packet->tuple.source_address();
  const auto found = flights_.find(
      {source.family,
       static_cast<net::IpProto>(packet->tuple.protocol),
       packet->tuple.source_port()}
  );
  if (found == flights_.end()) return;
  Flight& flight = found->second;
  if (packet->tuple.destination_address() != flight.envelope.vip) return;
  if (!missing(origin, flight.envelope).empty()) return;  // the origin changed meanwhile
  ++flight.fate.taken;
  const auto wrapped = wrap(inner, *packet, flight.envelope, origin, next_id_++);
  const net::IpAddr& to = flight.envelope.backend;
  const int raw = to.is_v4() ? raw4_.get() : raw6_.get();
  const SocketAddress address(to, 0);
  if (::sendto(raw, wrapped.data(), wrapped.size(), 0, address.get(), address.size()) < 0)
    flight.fate.send_error = errno;
}

}  // namespace fairlead::health
