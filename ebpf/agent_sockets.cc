// SPDX-License-Identifier: BSD-3-Clause
// One sock_diag dump for both address families.
#include "ebpf/agent_sockets.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "dataplane/sys/unique_fd.hh"

namespace fairlead::agent {
namespace {

constexpr unsigned kEstablished = 1;  // TCP_ESTABLISHED of the kernel's include/net/tcp_states.h

/// The older form of the request: the newer one names a family, and IPv6 sockets serve IPv4 clients
/// too, so it would walk the kernel's table twice.
base::Result<void> ask(int fd) {
  struct {
    nlmsghdr header;
    inet_diag_req request;
  } message{};
  message.header.nlmsg_len = sizeof message;
  message.header.nlmsg_type = TCPDIAG_GETSOCK;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message.request.idiag_states = 1U << kEstablished;
  message.request.idiag_ext = 1U << (INET_DIAG_INFO - 1);
  if (::send(fd, &message, sizeof message, 0) < 0)
    return base::system_error("ask sock_diag", errno);
  return {};
}

/// Local address; an IPv4 connection of an IPv6 socket (::ffff:a.b.c.d) counts as IPv4.
net::IpAddr local_address(const inet_diag_msg& socket) {
  net::IpAddr address;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(socket.id.idiag_src);
  static constexpr std::array<std::uint8_t, 12> kMapped = {
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (socket.idiag_family == AF_INET) {
    std::copy_n(bytes, 4, address.bytes.begin());
  } else if (std::equal(kMapped.begin(), kMapped.end(), bytes)) {
    std::copy_n(bytes + kMapped.size(), 4, address.bytes.begin());
  } else {
    address.family = net::Family::kIpv6;
    std::copy_n(bytes, 16, address.bytes.begin());
  }
  return address;
}

bool serves(std::span<const ebpf::ServedVip> vips, const inet_diag_msg& socket) {
  const net::IpAddr address = local_address(socket);
  const std::uint16_t port = ntohs(socket.id.idiag_sport);
  return std::any_of(vips.begin(), vips.end(), [&](const ebpf::ServedVip& vip) {
    return vip.protocol == net::IpProto::kTcp && (vip.port == 0 || vip.port == port) &&
           vip.prefix.contains(address);
  });
}

/// Adds one socket of ours. A request that came after the last answer is still being served.
void take(const nlmsghdr& header, std::uint32_t period_ms, SocketLoad& load, double& sum_ms) {
  ++load.established;
  const auto* attribute = reinterpret_cast<const rtattr*>(
      static_cast<const char*>(NLMSG_DATA(&header)) + NLMSG_ALIGN(sizeof(inet_diag_msg))
  );
  auto left = static_cast<int>(header.nlmsg_len - NLMSG_LENGTH(sizeof(inet_diag_msg)));
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    if (attribute->rta_type != INET_DIAG_INFO) continue;
    tcp_info info{};  // an older kernel's is shorter
    std::memcpy(
        &info, RTA_DATA(attribute), std::min<std::size_t>(RTA_PAYLOAD(attribute), sizeof info)
    );
    const bool both = info.tcpi_data_segs_in > 0 && info.tcpi_data_segs_out > 0;
    if (!both || info.tcpi_last_data_sent >= period_ms ||
        info.tcpi_last_data_recv < info.tcpi_last_data_sent)
      return;
    ++load.answers;
    sum_ms += info.tcpi_last_data_recv - info.tcpi_last_data_sent;
    return;
  }
}

base::Result<void> look_at_all(
    int fd,
    std::span<const ebpf::ServedVip> vips,
    std::uint32_t period_ms,
    SocketLoad& load,
    double& sum_ms
) {
  FL_TRY(ask(fd));
  alignas(nlmsghdr) std::array<char, 32768> buffer;
  for (;;) {
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return base::system_error("read sock_diag", got == 0 ? EIO : errno);
    auto left = static_cast<unsigned>(got);
    for (auto* h = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(h, left);
         h = NLMSG_NEXT(h, left)) {
      if (h->nlmsg_type == NLMSG_DONE) return {};
      if (h->nlmsg_type == NLMSG_ERROR) {
        return base::system_error("sock_diag", -static_cast<const nlmsgerr*>(NLMSG_DATA(h))->error);
      }
      if (serves(vips, *static_cast<const inet_diag_msg*>(NLMSG_DATA(h))))
        take(*h, period_ms, load, sum_ms);
    }
  }
}

}  // namespace

base::Result<SocketLoad> look_at_sockets(
    std::span<const ebpf::ServedVip> vips, base::Nanoseconds period
) {
  const sys::UniqueFd fd(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!fd.valid()) return base::system_error("open sock_diag", errno);
  const timeval limit{.tv_sec = 1, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  SocketLoad load;
  double sum_ms = 0;
  const auto period_ms = static_cast<std::uint32_t>(
      std::min<base::Nanoseconds>(period / base::kMillisecond, UINT32_MAX)
  );
  FL_TRY(look_at_all(fd.get(), vips, period_ms, load, sum_ms));
  if (load.answers > 0) load.mean_latency_us = sum_ms * 1000 / load.answers;
  return load;
}

}  // namespace fairlead::agent
