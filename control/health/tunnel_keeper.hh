// SPDX-License-Identifier: BSD-3-Clause
// Keeps the prober's tunnel: opens it when a target wants it, says who must go without, mends it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/health/checks.hh"
#include "control/health/probe.hh"
#include "control/health/tunnel.hh"

namespace fairlead::health {

/// Owned by the prober's thread. A target for which there can be no tunnel is probed directly, and
/// a line in the log says why. A tunnel that breaks later (its device or rule was removed) is made
/// again, at most once a second; until then its targets are not judged.
class TunnelKeeper {
 public:
  /// The tunnel's descriptor is watched by `epoll`, with `event` as data.
  TunnelKeeper(int epoll, std::uint64_t event) : epoll_(epoll), event_(event) {}

  /// New targets or another origin: tries again whatever could not be.
  void configure(const std::vector<Target>& targets, Origin origin, base::Nanoseconds now);

  enum class Way { kDirect, kTunnel, kNone };
  struct Passage {
    Way way = Way::kDirect;  // kNone: not now, the tunnel has just been lost
    Outlet outlet;           // of kTunnel
  };
  /// How the next probe of a target goes.
  Passage passage(const Target& target, base::Nanoseconds now);

  /// A probe's socket is open, was closed. The second amends the result by what became of its
  /// packets: a probe that never came to the device says nothing about the backend.
  void begin(const Target& target, std::uint16_t local_port);
  void end(const Target& target, std::uint16_t local_port, ProbeResult& result);
  /// The tunnel's descriptor is readable.
  void pump();

 private:
  void open(base::Nanoseconds now);
  void judge();
  void lose(const char* why);
  [[nodiscard]] bool goes_direct(const Envelope& envelope) const;

  // Targets that have these in common have the same obstacles.
  using Kind = std::pair<net::IpAddr, net::Family>;  // vip; family of the backend

  int epoll_;
  std::uint64_t event_;
  Origin origin_;
  std::optional<Tunnel> tunnel_;
  bool refused_ = false;              // all go directly
  std::map<Kind, Envelope> wanted_;   // one example of each
  std::map<Kind, std::string> told_;  // obstacles, as logged
  base::Nanoseconds opened_ns_ = 0;
};

}  // namespace fairlead::health
