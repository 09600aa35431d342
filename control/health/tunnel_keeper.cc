// SPDX-License-Identifier: BSD-3-Clause
// Opening, obstacles, mending.
#include "control/health/tunnel_keeper.hh"

#include <sys/epoll.h>

#include "dataplane/sys/log.hh"

namespace fairlead::health {
namespace {

constexpr base::Nanoseconds kBetweenTries = base::kSecond;

}  // namespace

void TunnelKeeper::configure(
    const std::vector<Target>& targets, Origin origin, base::Nanoseconds now
) {
  origin_ = std::move(origin);
  wanted_.clear();
  for (const Target& target : targets) {
    if (target.tunnel)
      wanted_.emplace(Kind(target.tunnel->vip, target.tunnel->backend.family), *target.tunnel);
  }
  refused_ = false;
  if (wanted_.empty()) {
    tunnel_.reset();
    told_.clear();
  } else if (tunnel_) {
    judge();
  } else {
    open(now);
  }
}

void TunnelKeeper::open(base::Nanoseconds now) {
  opened_ns_ = now;
  auto tunnel = Tunnel::open();
  if (!tunnel) {
    refused_ = true;
    sys::log_warn(
        "health probes go directly instead of through the tunnel: " + tunnel.error().what
    );
    return;
  }
  tunnel_.emplace(std::move(*tunnel));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = event_;
  (void)::epoll_ctl(epoll_, EPOLL_CTL_ADD, tunnel_->fd(), &event);
  judge();
}

void TunnelKeeper::judge() {
  std::map<Kind, std::string> obstacles;
  for (const auto& [kind, envelope] : wanted_) {
    std::string why = tunnel_->obstacle(origin_, envelope);
    if (why.empty()) continue;
    const auto told = told_.find(kind);
    if (told == told_.end() || told->second != why) {
      sys::log_warn(
          "health probes of vip " + envelope.vip.to_string() +
          " go directly instead of through the tunnel: " + why
      );
    }
    obstacles.emplace(kind, std::move(why));
  }
  told_ = std::move(obstacles);
}

void TunnelKeeper::lose(const char* why) {
  if (!tunnel_) return;
  tunnel_.reset();
  sys::log_warn("the tunnel of health probes is made again: " + std::string(why));
}

bool TunnelKeeper::goes_direct(const Envelope& envelope) const {
  return refused_ || told_.count(Kind(envelope.vip, envelope.backend.family)) != 0;
}

TunnelKeeper::Passage TunnelKeeper::passage(const Target& target, base::Nanoseconds now) {
  if (!target.tunnel) return {};
  if (!tunnel_ && !refused_ && now - opened_ns_ >= kBetweenTries) open(now);
  if (goes_direct(*target.tunnel)) return {};
  if (!tunnel_) return {Way::kNone, {}};
  const net::IpAddr& vip = target.tunnel->vip;
  return {Way::kTunnel, Outlet{tunnel_->mark(), *origin_.node(vip.family), vip}};
}

namespace {

Tunnel::Port port_of(const Target& target, std::uint16_t local_port) {
  const bool udp = target.kind == model::ProbeKind::kUdp;
  return {target.tunnel->vip.family, udp ? net::IpProto::kUdp : net::IpProto::kTcp, local_port};
}

}  // namespace

void TunnelKeeper::begin(const Target& target, std::uint16_t local_port) {
  if (tunnel_) tunnel_->begin(port_of(target, local_port), *target.tunnel);
}

void TunnelKeeper::end(const Target& target, std::uint16_t local_port, ProbeResult& result) {
  Tunnel::Fate fate;
  if (tunnel_) fate = tunnel_->end(port_of(target, local_port), origin_);
  result.tunnelled = true;
  if (result.outcome == Outcome::kLocal) return;
  if (!fate.known) {
    result.outcome = Outcome::kNoTunnel;
  } else if (fate.taken == 0) {
    result.outcome = Outcome::kNoTunnel;
    lose("a probe did not come to its device, was its routing rule removed?");
  } else if (fate.send_error != 0 && result.outcome == Outcome::kTimeout) {
    result.outcome = Outcome::kUnreachable;
  }
}

void TunnelKeeper::pump() {
  if (tunnel_ && !tunnel_->pump(origin_)) lose("its device is gone");
}

}  // namespace fairlead::health
