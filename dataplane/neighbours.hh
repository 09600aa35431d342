// SPDX-License-Identifier: BSD-3-Clause
// Keeps the next hops of one port resolved and tells the workers when they change.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/model/model.hh"
#include "dataplane/base/clock.hh"
#include "dataplane/mailbox.hh"
#include "dataplane/neighbour_wire.hh"
#include "dataplane/path/context.hh"
#include "dataplane/table_copy.hh"

namespace fairlead::dataplane {

/// What is known of the hosts next to a port, by address, with the time it was last heard. Pure.
class NeighbourTable {
 public:
  void learn(const Neighbour& neighbour, base::Nanoseconds now) {
    known_[neighbour.address] = {neighbour.mac, now};
  }
  /// Knows these and no others from now on.
  void replace(const std::vector<Neighbour>& all, base::Nanoseconds now) {
    known_.clear();
    for (const Neighbour& neighbour : all) learn(neighbour, now);
  }
  [[nodiscard]] std::optional<net::MacAddr> find(const net::IpAddr& address) const;
  /// Whether to ask for an address now: unknown ones every kRetry, known ones every kRefresh. Notes
  /// the question.
  bool ask_due(const net::IpAddr& address, base::Nanoseconds now);
  /// Forgets who has not been heard for kForget.
  void expire(base::Nanoseconds now);

  static constexpr base::Nanoseconds kRetry = 250 * base::kMillisecond;
  static constexpr base::Nanoseconds kRefresh = 10 * base::kSecond;
  static constexpr base::Nanoseconds kForget = 60 * base::kSecond;

 private:
  struct Entry {
    net::MacAddr mac;
    base::Nanoseconds heard = 0;
  };
  std::map<net::IpAddr, Entry> known_;
  std::map<net::IpAddr, base::Nanoseconds> asked_;
};

/// The next hops of one port. The source is the kernel's neighbour table where the kernel owns the
/// interface (it then does ARP and ND), else our own questions and what was heard. Main thread
/// only.
class Neighbours {
 public:
  struct Setup {
    model::Port port;                      // configured gateway and MAC
    std::optional<std::string> interface;  // the kernel's; empty: own ARP and ND
    OwnAddresses own;
    std::uint16_t mtu = 1500;
    bool follow_interface = false;  // its MTU and MAC address are the port's
    unsigned workers = 1;
    std::function<void(const Frame&)> send;  // own ARP and ND: puts a question on the wire
  };
  explicit Neighbours(Setup setup);

  [[nodiscard]] Mailbox<path::NextHops>& box(unsigned worker) { return boxes_[worker]; }
  /// A worker is about to run: it finds what the others have in its box. Requires: it does not run.
  void begin(unsigned worker);
  /// It runs no more: nobody waits for it.
  void end(unsigned worker) { listens_[worker] = false; }

  /// Own ARP and ND: takes a punted frame; answers it where we are asked.
  void heard(std::span<const std::uint8_t> frame, base::Nanoseconds now);

  /// Call every few ms; does its work every kPeriod. Asks, collects, publishes what changed.
  void tick(const std::vector<Unresolved>& backends, base::Nanoseconds now);

  /// For the console: the gateway's MAC as published; zero: not resolved.
  [[nodiscard]] const net::MacAddr& gateway_mac() const {
    return hops_.gateway4.is_zero() ? hops_.gateway6 : hops_.gateway4;
  }

  /// The MTU and the source address that workers are told: where the kernel has the interface too,
  /// what they are now.
  [[nodiscard]] std::uint32_t mtu() const { return hops_.mtu; }
  [[nodiscard]] const net::MacAddr& own_mac() const { return hops_.own; }

  static constexpr base::Nanoseconds kPeriod = 100 * base::kMillisecond;  // something is missing
  static constexpr base::Nanoseconds kQuietPeriod = 500 * base::kMillisecond;  // all is known
  static constexpr base::Nanoseconds kRoutesPeriod = 2 * base::kSecond;

 private:
  void find_gateways(base::Nanoseconds now);
  void collect(base::Nanoseconds now);
  void resolve(const net::IpAddr& address, base::Nanoseconds now);
  [[nodiscard]] net::MacAddr mac_of(const std::optional<net::IpAddr>& address) const;
  bool update(const std::vector<Unresolved>& backends);
  void publish();
  [[nodiscard]] bool all_taken() const;
  [[nodiscard]] bool complete(const std::vector<Unresolved>& backends) const;
  void log_change(const path::NextHops& before) const;

  Setup setup_;
  std::optional<net::IpAddr> gateway4_;
  std::optional<net::IpAddr> gateway6_;
  NeighbourTable table_;
  std::uint32_t mtu_;  // newest of the interface, as its MAC address is in setup_.own
  path::NextHops hops_;
  std::vector<net::MacAddr> backends_;                  // newest, by backend number
  std::array<std::vector<net::MacAddr>, 2> published_;  // what workers read, in turn
  unsigned turn_ = 0;
  std::vector<Mailbox<path::NextHops>> boxes_;
  path::NextHops round_;       // what is being handed out now
  std::vector<bool> offered_;  // who has been offered round_
  std::vector<bool> listens_;  // who runs
  bool in_round_ = false;
  bool any_round_ = false;  // round_ holds something
  bool dirty_ = true;       // hops_ or backends_ are newer than round_
  base::Nanoseconds next_ = 0;
  base::Nanoseconds next_routes_ = 0;
  base::Nanoseconds warned_ = 0;
};

}  // namespace fairlead::dataplane
