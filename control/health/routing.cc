// SPDX-License-Identifier: BSD-3-Clause
// rtnetlink: one request, one answer.
#include "control/health/routing.hh"

#include <array>
#include <cerrno>
#include <cstring>
#include <span>

#include <linux/fib_rules.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace fairlead::health {

/// A message that grows by attributes.
class RouteRequest {
 public:
  RouteRequest(std::uint16_t type, std::uint16_t flags) {
    header().nlmsg_type = type;
    header().nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    header().nlmsg_len = NLMSG_LENGTH(0);
  }
  template <typename Body>
  RouteRequest& body(const Body& content) {
    return append(&content, sizeof content);
  }
  RouteRequest& add(std::uint16_t type, std::span<const std::uint8_t> content) {
    rtattr head{};
    head.rta_type = type;
    head.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(content.size()));
    append(&head, sizeof head);
    return append(content.data(), content.size());
  }
  template <typename Number>
  RouteRequest& number(std::uint16_t type, Number value) {
    return add(type, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }
  RouteRequest& address(std::uint16_t type, const net::IpAddr& value) {
    return add(type, std::span(value.bytes).first(value.is_v4() ? 4 : 16));
  }
  [[nodiscard]] nlmsghdr& header() { return *reinterpret_cast<nlmsghdr*>(bytes_.data()); }

 private:
  RouteRequest& append(const void* content, std::size_t size) {
    std::memcpy(bytes_.data() + header().nlmsg_len, content, size);
    header().nlmsg_len += static_cast<std::uint32_t>(NLMSG_ALIGN(size));
    return *this;
  }
  // The largest request (a route with two IPv6 addresses) has 84 bytes.
  alignas(nlmsghdr) std::array<char, 256> bytes_{};
};

namespace {

unsigned char domain(net::Family family) {
  return family == net::Family::kIpv4 ? AF_INET : AF_INET6;
}

/// Calls `on(type, bytes)` for each attribute behind the body.
template <typename Body, typename On>
void each_attribute(const nlmsghdr* header, const On& on) {
  auto left = static_cast<int>(header->nlmsg_len - NLMSG_LENGTH(sizeof(Body)));
  const auto* attribute = reinterpret_cast<const rtattr*>(
      static_cast<const char*>(NLMSG_DATA(header)) + NLMSG_ALIGN(sizeof(Body))
  );
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    on(attribute->rta_type,
       std::span(static_cast<const char*>(RTA_DATA(attribute)), RTA_PAYLOAD(attribute)));
  }
}

template <typename Number>
Number number_in(std::span<const char> bytes) {
  Number value{};
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return value;
}

RouteRequest rule_request(const MarkRule& rule, std::uint16_t type, std::uint16_t flags) {
  fib_rule_hdr body{};
  body.family = domain(rule.family);
  body.action = FR_ACT_TO_TBL;
  RouteRequest request(type, static_cast<std::uint16_t>(flags | NLM_F_ACK));
  request.body(body)
      .number<std::uint32_t>(FRA_PRIORITY, Routing::kRulePriority)
      .number<std::uint32_t>(FRA_FWMARK, rule.mark)
      .number<std::uint32_t>(FRA_FWMASK, 0xffffffffU)
      .number<std::uint32_t>(FRA_TABLE, rule.mark)
      .number<std::uint8_t>(FRA_PROTOCOL, Routing::kProtocol);
  return request;
}

/// The rule in a message of a dump, if it is one of ours.
bool read_rule(const nlmsghdr* header, MarkRule& rule) {
  std::uint8_t protocol = 0;
  std::uint32_t table = 0;
  each_attribute<fib_rule_hdr>(header, [&](unsigned type, std::span<const char> bytes) {
    if (type == FRA_PROTOCOL) protocol = number_in<std::uint8_t>(bytes);
    if (type == FRA_TABLE) table = number_in<std::uint32_t>(bytes);
    if (type == FRA_FWMARK) rule.mark = number_in<std::uint32_t>(bytes);
  });
  return protocol == Routing::kProtocol && rule.mark != 0 && table == rule.mark;
}

}  // namespace

base::Result<Routing> Routing::open() {
  sys::UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.valid()) return base::system_error("open a netlink socket", errno);
  const timeval patience{1, 0};
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return Routing(std::move(socket));
}

int Routing::ask(RouteRequest& request, std::vector<char>* answer) {
  nlmsghdr& header = request.header();
  header.nlmsg_seq = ++sequence_;
  if (::send(socket_.get(), &header, header.nlmsg_len, 0) < 0) return errno;
  alignas(nlmsghdr) std::array<char, 8192> buffer;
  while (true) {
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    const auto* reply = reinterpret_cast<const nlmsghdr*>(buffer.data());
    if (!NLMSG_OK(reply, static_cast<unsigned>(got))) return EPROTO;
    if (reply->nlmsg_seq != sequence_) continue;  // of a request that took too long
    if (reply->nlmsg_type == NLMSG_ERROR)
      return -static_cast<const nlmsgerr*>(NLMSG_DATA(reply))->error;
    if (answer != nullptr) answer->assign(buffer.data(), buffer.data() + reply->nlmsg_len);
    return 0;
  }
}

base::Result<void> Routing::add_rule(const MarkRule& rule) {
  RouteRequest request = rule_request(rule, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
  const int error = ask(request, nullptr);
  if (error != 0 && error != EEXIST) return base::system_error("add a routing rule", error);
  return {};
}

base::Result<void> Routing::remove_rule(const MarkRule& rule) {
  RouteRequest request = rule_request(rule, RTM_DELRULE, 0);
  const int error = ask(request, nullptr);
  if (error != 0 && error != ENOENT) return base::system_error("remove a routing rule", error);
  return {};
}

base::Result<std::vector<MarkRule>> Routing::rules() {
  std::vector<MarkRule> found;
  for (const net::Family family : {net::Family::kIpv4, net::Family::kIpv6}) {
    fib_rule_hdr body{};
    body.family = domain(family);
    RouteRequest request(RTM_GETRULE, NLM_F_DUMP);
    request.body(body).header().nlmsg_seq = ++sequence_;
    if (::send(socket_.get(), &request.header(), request.header().nlmsg_len, 0) < 0)
      return base::system_error("list the routing rules", errno);
    alignas(nlmsghdr) std::array<char, 16384> buffer;
    for (bool done = false; !done;) {
      const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (got < 0) return base::system_error("list the routing rules", errno);
      auto left = static_cast<unsigned>(got);
      const auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data());
      for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
        if (header->nlmsg_seq != sequence_) continue;
        done = header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR;
        if (done) break;  // an error: a kernel without rules of this family
        MarkRule rule{family, 0};
        if (header->nlmsg_type == RTM_NEWRULE && read_rule(header, rule)) found.push_back(rule);
      }
    }
  }
  return found;
}

base::Result<void>
Routing::add_default(net::Family family, std::uint32_t table, unsigned interface) {
  rtmsg body{};
  body.rtm_family = domain(family);
  body.rtm_table = RT_TABLE_UNSPEC;
  body.rtm_protocol = kProtocol;
  body.rtm_scope = RT_SCOPE_LINK;
  body.rtm_type = RTN_UNICAST;
  RouteRequest request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK);
  request.body(body)
      .number<std::uint32_t>(RTA_TABLE, table)
      .number<std::uint32_t>(RTA_OIF, interface);
  const int error = ask(request, nullptr);
  if (error != 0) return base::system_error("add a route", error);
  return {};
}

base::Result<Routing::Way> Routing::way(
    const net::IpAddr& from, const net::IpAddr& to, std::uint32_t mark
) {
  rtmsg body{};
  body.rtm_family = domain(to.family);
  body.rtm_dst_len = body.rtm_src_len = static_cast<unsigned char>(to.bits());
  RouteRequest request(RTM_GETROUTE, 0);
  request.body(body).address(RTA_DST, to).address(RTA_SRC, from);
  request.number<std::uint32_t>(RTA_MARK, mark);
  std::vector<char> answer;
  const int error = ask(request, &answer);
  if (error != 0) return base::system_error("look for a route to " + to.to_string(), error);
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer.data());
  Way way;
  way.local = static_cast<const rtmsg*>(NLMSG_DATA(header))->rtm_type == RTN_LOCAL;
  each_attribute<rtmsg>(header, [&](unsigned type, std::span<const char> bytes) {
    if (type == RTA_OIF) way.interface = number_in<std::uint32_t>(bytes);
  });
  return way;
}

int Routing::refusal_of(const net::IpAddr& from, const net::IpAddr& to, unsigned interface) {
  rtmsg body{};
  body.rtm_family = domain(to.family);
  body.rtm_dst_len = body.rtm_src_len = static_cast<unsigned char>(to.bits());
  RouteRequest request(RTM_GETROUTE, 0);
  request.body(body).address(RTA_DST, to).address(RTA_SRC, from);
  request.number<std::uint32_t>(RTA_IIF, interface);
  return ask(request, nullptr);
}

}  // namespace fairlead::health
