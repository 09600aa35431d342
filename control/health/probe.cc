// SPDX-License-Identifier: BSD-3-Clause
// TCP and HTTP probes.
#include "control/health/probe.hh"

#include <cerrno>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "control/health/sockets.hh"

namespace fairlead::health {
namespace {

constexpr std::size_t kMostReply = 4096;  // the first line ends long before

Outcome outcome_of(int error) {
  switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
      return Outcome::kRefused;
    case ETIMEDOUT:
      return Outcome::kTimeout;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL:
      return Outcome::kLocal;
    default:
      return Outcome::kUnreachable;
  }
}

}  // namespace

std::optional<int> http_status(std::string_view reply) {
  constexpr std::string_view kPrefix = "HTTP/1.";
  const auto common = std::min(reply.size(), kPrefix.size());
  if (reply.substr(0, common) != kPrefix.substr(0, common)) return 0;
  if (reply.size() < 13)
    return reply.find('\n') == std::string_view::npos ? std::nullopt : std::optional<int>(0);
  // "HTTP/1.1 200 OK": digits at 9 to 11, then a blank or the line's end.
  const auto digit = [&reply](std::size_t i) { return reply[i] >= '0' && reply[i] <= '9'; };
  if (reply[8] != ' ' || !digit(9) || !digit(10) || !digit(11)) return 0;
  if (reply[12] != ' ' && reply[12] != '\r' && reply[12] != '\n') return 0;
  return (reply[9] - '0') * 100 + (reply[10] - '0') * 10 + (reply[11] - '0');
}

Probe::Probe(const Target& target, base::Nanoseconds now, const Outlet* outlet)
    : target_(target.id), kind_(target.kind), begun_(now) {
  const net::IpAddr& address = outlet != nullptr ? outlet->destination : target.address;
  fd_ = sys::UniqueFd(::socket(domain_of(address), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_.valid() || (outlet != nullptr && !enter(*outlet))) {
    at_once_ = done(Outcome::kLocal, now);
    return;
  }
  // Closing resets: a thousand probes a second would otherwise leave 60,000 sockets in TIME_WAIT.
  const linger reset{1, 0};
  (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  if (kind_ == model::ProbeKind::kHttp) {
    request_ = "GET " + target.http_path + " HTTP/1.1\r\nHost: " + target.http_host +
               "\r\nUser-Agent: fairlead-health\r\nConnection: close\r\n\r\n";
  }
  const SocketAddress to(address, target.port);
  if (::connect(fd_.get(), to.get(), to.size()) != 0 && errno != EINPROGRESS) {
    at_once_ = done(outcome_of(errno), now);
  }
}

// The port must be known before the first packet comes out at the other end.
bool Probe::enter(const Outlet& outlet) {
  const SocketAddress from(outlet.source, 0);
  if (::setsockopt(fd_.get(), SOL_SOCKET, SO_MARK, &outlet.mark, sizeof outlet.mark) != 0 ||
      ::bind(fd_.get(), from.get(), from.size()) != 0)
    return false;
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) return false;
  local_port_ = ntohs(
      outlet.source.is_v4() ? reinterpret_cast<const sockaddr_in&>(bound).sin_port
                            : reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
  );
  return true;
}

std::uint32_t Probe::events() const {
  return reading_ ? EPOLLIN : EPOLLOUT;
}

ProbeResult Probe::done(Outcome outcome, base::Nanoseconds now, int status) const {
  return ProbeResult{target_, outcome, status, begun_, now};
}

std::optional<ProbeResult> Probe::advance(base::Nanoseconds now) {
  return reading_ ? read_reply(now) : connected(now);
}

std::optional<ProbeResult> Probe::connected(base::Nanoseconds now) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return done(outcome_of(error), now);
  if (kind_ != model::ProbeKind::kHttp) return done(Outcome::kOk, now);
  // A fresh connection takes a few hundred bytes at once.
  const auto sent = ::send(fd_.get(), request_.data(), request_.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(request_.size())) return done(Outcome::kUnreachable, now);
  reading_ = true;
  return std::nullopt;
}

std::optional<ProbeResult> Probe::read_reply(base::Nanoseconds now) {
  char buffer[1024];
  const auto got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  if (got < 0) return done(outcome_of(errno), now);
  reply_.append(buffer, static_cast<std::size_t>(got));
  const auto status = http_status(reply_);
  if (!status) {
    if (got > 0 && reply_.size() < kMostReply) return std::nullopt;
    return done(Outcome::kBadReply, now);
  }
  if (*status == 0) return done(Outcome::kBadReply, now);
  const bool good = *status >= 200 && *status < 400;
  return done(good ? Outcome::kOk : Outcome::kBadStatus, now, *status);
}

}  // namespace fairlead::health
