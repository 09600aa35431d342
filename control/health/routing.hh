// SPDX-License-Identifier: BSD-3-Clause
// The few words of rtnetlink that tunnel probes need: a routing rule by mark, a default route, and
// what the kernel would do with a packet. The kernel's state of this network namespace.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/base/result.hh"
#include "dataplane/net/addr.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::health {

/// `from all fwmark MARK lookup MARK`, and table MARK: the same number for both.
struct MarkRule {
  net::Family family = net::Family::kIpv4;
  std::uint32_t mark = 0;
};

/// Thread: whoever owns it. Calls take a few microseconds and wait at most a second.
class Routing {
 public:
  static base::Result<Routing> open();

  /// A rule that is there already is no error. Its priority is kRulePriority, its protocol
  /// kProtocol, by which rules() knows ours.
  base::Result<void> add_rule(const MarkRule& rule);
  base::Result<void> remove_rule(const MarkRule& rule);
  /// Ours, of both families.
  base::Result<std::vector<MarkRule>> rules();
  /// `default dev INTERFACE table TABLE`; the kernel removes it with the interface.
  base::Result<void> add_default(net::Family family, std::uint32_t table, unsigned interface);

  struct Way {
    unsigned interface = 0;  // it would leave there
    bool local = false;      // the destination is this host itself
  };
  /// Where a packet with this mark would go. Errors: the kernel's, if it has no route.
  base::Result<Way> way(const net::IpAddr& from, const net::IpAddr& to, std::uint32_t mark);
  /// Whether the kernel would take in an IPv4 packet that comes from `from` to `to` (an address of
  /// this host) by this interface: 0, or errno: EXDEV reverse path filter, EINVAL martian source.
  int refusal_of(const net::IpAddr& from, const net::IpAddr& to, unsigned interface);

  static constexpr std::uint32_t kRulePriority = 100;  // after local (0), before main (32766)
  static constexpr std::uint8_t kProtocol = 102;       // none of /etc/iproute2/rt_protos

 private:
  explicit Routing(sys::UniqueFd socket) : socket_(std::move(socket)) {}
  sys::UniqueFd socket_;
  std::uint32_t sequence_ = 0;

  // Sends a request and reads its answer: 0, or errno. `answer`: the message, if one is wanted.
  int ask(class RouteRequest& request, std::vector<char>* answer);
};

}  // namespace fairlead::health
