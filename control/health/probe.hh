// SPDX-License-Identifier: BSD-3-Clause
// One running probe: a non-blocking socket and what it waits for.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "control/health/checks.hh"
#include "control/health/exchange.hh"
#include "control/health/tls_stream.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::health {

/// What a socket needs for its packets to go through the tunnel (health/tunnel.hh).
struct Outlet {
  std::uint32_t mark = 0;
  net::IpAddr source;  // the node's address
  net::IpAddr destination;
};

class Probe {
 public:
  /// Opens the socket and begins to connect: to the target's address or, given one, through the
  /// outlet. The result is there at once if that fails.
  Probe(const Target& target, base::Nanoseconds now, const Outlet* outlet = nullptr);

  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Of a probe through an outlet; 0: none, or it failed before.
  [[nodiscard]] std::uint16_t local_port() const { return local_port_; }
  /// Goes on after an edge-triggered event; the result, once there is one. `readable`: the event
  /// tells of more than room to write.
  std::optional<ProbeResult> advance(base::Nanoseconds now, bool readable);
  /// The result of a probe that took too long.
  [[nodiscard]] ProbeResult expire(base::Nanoseconds now) const {
    return done(Outcome::kTimeout, now);
  }
  [[nodiscard]] const std::optional<ProbeResult>& failed_at_once() const { return at_once_; }

 private:
  [[nodiscard]] ProbeResult done(Outcome outcome, base::Nanoseconds now, int status = 0) const;
  bool enter(const Outlet& outlet);
  /// Nullopt: connected.
  std::optional<Outcome> connection_error();
  std::optional<Outcome> flush();
  std::optional<Verdict> listen();
  TlsStream::Result read(char* to, std::size_t room, std::size_t& count);

  TargetId target_;
  model::ProbeKind kind_;
  base::Nanoseconds begun_;
  std::unique_ptr<Exchange> exchange_;  // null: the connection is all
  std::string pending_;                 // to be sent
  bool connected_ = false;
  bool asked_ = false;  // something was sent
  std::uint16_t local_port_ = 0;
  sys::UniqueFd fd_;
  std::optional<TlsStream> tls_;
  std::optional<ProbeResult> at_once_;
};

}  // namespace fairlead::health
