// SPDX-License-Identifier: BSD-3-Clause
// Connecting, sending, receiving.
#include "control/health/probe.hh"

#include <cerrno>

#include <sys/socket.h>

#include "control/health/sockets.hh"

namespace fairlead::health {
namespace {

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

Probe::Probe(const Target& target, base::Nanoseconds now, const Outlet* outlet)
    : target_(target.id), kind_(target.kind), begun_(now), exchange_(open_exchange(target)) {
  const net::IpAddr& address = outlet != nullptr ? outlet->destination : target.address;
  const bool udp = kind_ == model::ProbeKind::kUdp;
  const int type = (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  fd_ = sys::UniqueFd(::socket(domain_of(address), type, 0));
  if (!fd_.valid() || (outlet != nullptr && !enter(*outlet))) {
    at_once_ = done(Outcome::kLocal, now);
    return;
  }
  // Closing resets: a thousand probes a second would otherwise leave 60,000 sockets in TIME_WAIT.
  const linger reset{1, 0};
  if (!udp) (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  // Servers of gRPC refuse a handshake without the protocol's name.
  if (kind_ == model::ProbeKind::kHttps) tls_.emplace(fd_.get(), target.talk, "");
  if (kind_ == model::ProbeKind::kGrpcs) tls_.emplace(fd_.get(), target.talk, "h2");
  const SocketAddress to(address, target.port);
  if (::connect(fd_.get(), to.get(), to.size()) != 0 && errno != EINPROGRESS) {
    // At once: there is no route here. Routers' answers come later.
    at_once_ = done(errno == ENETUNREACH ? Outcome::kNoRoute : outcome_of(errno), now);
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

ProbeResult Probe::done(Outcome outcome, base::Nanoseconds now, int status) const {
  return ProbeResult{target_, outcome, status, begun_, now};
}

std::optional<ProbeResult> Probe::advance(base::Nanoseconds now, bool readable) {
  const bool fresh = !connected_;
  if (fresh) {
    if (const auto error = connection_error()) return done(*error, now);
    if (exchange_ == nullptr) return done(Outcome::kOk, now);
    connected_ = true;
  }
  if (const auto error = flush()) return done(*error, now);
  if (fresh && !readable && !tls_) return std::nullopt;  // an answer in no time is rare
  if (const auto verdict = listen()) return done(verdict->outcome, now, verdict->status);
  return std::nullopt;
}

std::optional<Outcome> Probe::connection_error() {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  return error == 0 ? std::nullopt : std::optional(outcome_of(error));
}

std::optional<Outcome> Probe::flush() {
  pending_ += exchange_->take_output();
  // An empty datagram is a question too.
  while (!pending_.empty() || (kind_ == model::ProbeKind::kUdp && !asked_)) {
    asked_ = true;
    std::size_t count = 0;
    if (tls_) {
      const auto result = tls_->write(pending_, count);
      if (result == TlsStream::Result::kAgain) return std::nullopt;
      if (result != TlsStream::Result::kDone) return Outcome::kBadTls;
    } else {
      const auto sent = ::send(fd_.get(), pending_.data(), pending_.size(), MSG_NOSIGNAL);
      if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
      if (sent < 0) return outcome_of(errno);
      count = static_cast<std::size_t>(sent);
    }
    pending_.erase(0, count);
  }
  return std::nullopt;
}

std::optional<Verdict> Probe::listen() {
  char buffer[4096];
  while (true) {
    std::size_t count = 0;
    const auto result = read(buffer, sizeof buffer, count);
    if (result == TlsStream::Result::kAgain) return std::nullopt;
    if (result == TlsStream::Result::kEnd) return exchange_->on_end();
    if (result == TlsStream::Result::kFailed)
      return Verdict{tls_ ? Outcome::kBadTls : outcome_of(errno), 0};
    if (const auto verdict = exchange_->on_bytes({buffer, count})) return verdict;
    if (const auto error = flush()) return Verdict{*error, 0};
  }
}

TlsStream::Result Probe::read(char* to, std::size_t room, std::size_t& count) {
  if (tls_) return tls_->read(to, room, count);
  const auto got = ::recv(fd_.get(), to, room, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return TlsStream::Result::kAgain;
  if (got < 0) return TlsStream::Result::kFailed;
  count = static_cast<std::size_t>(got);
  const bool end = got == 0 && kind_ != model::ProbeKind::kUdp;
  return end ? TlsStream::Result::kEnd : TlsStream::Result::kDone;
}

}  // namespace fairlead::health
