// SPDX-License-Identifier: BSD-3-Clause
// One running probe: a non-blocking socket and what it waits for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "control/health/checks.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::health {

/// Status code of an HTTP reply's beginning: nullopt while its first line is incomplete, 0 if it is
/// no HTTP. Pure.
std::optional<int> http_status(std::string_view reply);

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
  /// What epoll should watch for.
  [[nodiscard]] std::uint32_t events() const;
  /// Goes on after an event; the result, once there is one.
  std::optional<ProbeResult> advance(base::Nanoseconds now);
  /// The result of a probe that took too long.
  [[nodiscard]] ProbeResult expire(base::Nanoseconds now) const {
    return done(Outcome::kTimeout, now);
  }
  [[nodiscard]] const std::optional<ProbeResult>& failed_at_once() const { return at_once_; }

 private:
  [[nodiscard]] ProbeResult done(Outcome outcome, base::Nanoseconds now, int status = 0) const;
  bool enter(const Outlet& outlet);
  std::optional<ProbeResult> connected(base::Nanoseconds now);
  std::optional<ProbeResult> read_reply(base::Nanoseconds now);

  TargetId target_;
  model::ProbeKind kind_;
  base::Nanoseconds begun_;
  std::string request_;
  std::string reply_;
  bool reading_ = false;
  std::uint16_t local_port_ = 0;
  sys::UniqueFd fd_;
  std::optional<ProbeResult> at_once_;
};

}  // namespace fairlead::health
