// SPDX-License-Identifier: BSD-3-Clause
// Resolution loop: wanted addresses -> questions -> answers -> next hops -> mailboxes.
#include "dataplane/neighbours.hh"

#include <algorithm>
#include <utility>

#include "dataplane/kernel_neighbours.hh"
#include "dataplane/sys/log.hh"

namespace fairlead::dataplane {
namespace {

constexpr base::Nanoseconds kWarnEvery = 30 * base::kSecond;
constexpr unsigned kLargestMtu = 65535;  // IP packets have no more

bool same(const path::NextHops& a, const path::NextHops& b) {
  return a.own == b.own && a.gateway4 == b.gateway4 && a.gateway6 == b.gateway6 && a.mtu == b.mtu;
}

}  // namespace

std::optional<net::MacAddr> NeighbourTable::find(const net::IpAddr& address) const {
  const auto it = known_.find(address);
  if (it == known_.end()) return std::nullopt;
  return it->second.mac;
}

bool NeighbourTable::ask_due(const net::IpAddr& address, base::Nanoseconds now) {
  const auto asked = asked_.find(address);
  const base::Nanoseconds period = known_.contains(address) ? kRefresh : kRetry;
  if (asked != asked_.end() && now - asked->second < period) return false;
  asked_[address] = now;
  return true;
}

void NeighbourTable::expire(base::Nanoseconds now) {
  std::erase_if(known_, [&](const auto& e) { return now - e.second.heard > kForget; });
  std::erase_if(asked_, [&](const auto& e) { return now - e.second > kForget; });
}

Neighbours::Neighbours(Setup setup)
    : setup_(std::move(setup)),
      mtu_(setup_.mtu),
      boxes_(setup_.workers),
      offered_(setup_.workers, false),
      listens_(setup_.workers, false) {
  hops_.own = setup_.own.mac;
  hops_.mtu = mtu_;
  if (setup_.port.gateway_mac) hops_.gateway4 = hops_.gateway6 = *setup_.port.gateway_mac;
}

void Neighbours::heard(std::span<const std::uint8_t> frame, base::Nanoseconds now) {
  const Heard said = hear(frame, setup_.own);
  if (said.answer && setup_.send) setup_.send(*said.answer);
  if (said.neighbour) table_.learn(*said.neighbour, now);
}

void Neighbours::find_gateways(base::Nanoseconds now) {
  if (now < next_routes_) return;
  next_routes_ = now + kRoutesPeriod;
  gateway4_ = setup_.port.gateway;
  gateway6_ = setup_.port.gateway6;
  if (!setup_.interface) return;
  if (!gateway4_) gateway4_ = default_gateway(net::Family::kIpv4, *setup_.interface);
  if (!gateway6_) gateway6_ = default_gateway(net::Family::kIpv6, *setup_.interface);
}

void Neighbours::resolve(const net::IpAddr& address, base::Nanoseconds now) {
  if (!table_.ask_due(address, now)) return;
  if (setup_.interface) {
    provoke_resolution(address, *setup_.interface);
  } else if (const auto question = ask(address, setup_.own)) {
    setup_.send(*question);
  }
}

void Neighbours::collect(base::Nanoseconds now) {
  table_.expire(now);
  if (!setup_.interface) return;
  const auto kernel = kernel_interface(*setup_.interface);
  if (!kernel) return;
  if (setup_.follow_interface) {
    mtu_ = std::min(kernel->mtu, kLargestMtu);
    setup_.own.mac = kernel->mac;
  }
  const auto known = kernel_neighbours(kernel->index);
  if (!known) return;
  table_.replace(*known, now);
}

net::MacAddr Neighbours::mac_of(const std::optional<net::IpAddr>& address) const {
  if (setup_.port.gateway_mac) return *setup_.port.gateway_mac;
  if (!address) return {};
  return table_.find(*address).value_or(net::MacAddr{});
}

bool Neighbours::update(const std::vector<Unresolved>& backends) {
  path::NextHops next = hops_;
  next.own = setup_.own.mac;
  next.mtu = mtu_;
  next.gateway4 = mac_of(gateway4_);
  next.gateway6 = mac_of(gateway6_);
  std::vector<net::MacAddr> macs;
  for (const Unresolved& backend : backends) {
    const auto mac = table_.find(backend.address);
    if (!mac) continue;
    if (macs.size() <= backend.backend) macs.resize(backend.backend + 1);
    macs[backend.backend] = *mac;
  }
  const bool changed = !same(next, hops_) || macs != backends_;
  if (!same(next, hops_)) log_change(next);
  hops_ = next;
  backends_ = std::move(macs);
  return changed;
}

void Neighbours::log_change(const path::NextHops& next) const {
  sys::log_info(
      "next hops device=" + setup_.port.device + " gateway4=" + next.gateway4.to_string() +
      " gateway6=" + next.gateway6.to_string() + " mtu=" + std::to_string(next.mtu) +
      " mac=" + next.own.to_string()
  );
}

// The array behind backend_macs may be written only when no worker can still have it: two arrays
// take turns, and a turn begins when every worker has taken the last one.
void Neighbours::publish() {
  if (!in_round_) {
    if (!dirty_ || !all_taken()) return;
    turn_ = 1 - turn_;
    published_[turn_] = backends_;
    round_ = hops_;
    round_.backend_macs = published_[turn_];
    dirty_ = false;
    in_round_ = any_round_ = true;
    std::fill(offered_.begin(), offered_.end(), false);
  }
  in_round_ = false;
  for (std::size_t w = 0; w < boxes_.size(); ++w) {
    if (!listens_[w]) continue;
    if (!offered_[w]) offered_[w] = boxes_[w].offer(round_);
    in_round_ = in_round_ || !offered_[w];
  }
}

bool Neighbours::all_taken() const {
  for (std::size_t w = 0; w < boxes_.size(); ++w) {
    if (listens_[w] && !boxes_[w].empty()) return false;
  }
  return true;
}

void Neighbours::begin(unsigned worker) {
  path::NextHops stale;
  (void)boxes_[worker].take(stale);
  listens_[worker] = true;
  offered_[worker] = any_round_ && boxes_[worker].offer(round_);
}

bool Neighbours::complete(const std::vector<Unresolved>& backends) const {
  const bool gateway = !hops_.gateway4.is_zero() || !hops_.gateway6.is_zero();
  const auto known = [&](const Unresolved& b) { return table_.find(b.address).has_value(); };
  return gateway && !dirty_ && !in_round_ && std::all_of(backends.begin(), backends.end(), known);
}

void Neighbours::tick(const std::vector<Unresolved>& backends, base::Nanoseconds now) {
  if (now < next_) return;
  next_ = now + (complete(backends) ? kQuietPeriod : kPeriod);
  find_gateways(now);
  collect(now);
  if (!setup_.port.gateway_mac) {
    if (gateway4_) resolve(*gateway4_, now);
    if (gateway6_) resolve(*gateway6_, now);
    if (!gateway4_ && !gateway6_ && now - warned_ > kWarnEvery) {
      warned_ = now;
      sys::log_warn(
          "no next hop device=" + setup_.port.device +
          ": set ports[].gateway_mac or ports[].gateway, or give the interface a default route"
      );
    }
  }
  for (const Unresolved& backend : backends) resolve(backend.address, now);
  if (update(backends)) dirty_ = true;
  publish();
}

}  // namespace fairlead::dataplane
