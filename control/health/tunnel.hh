// SPDX-License-Identifier: BSD-3-Clause
// The way of probes through the tunnels: a TUN device that takes the packets of marked sockets, and
// raw sockets that send them on in the outer headers of the vip's traffic (docs/health.md, "Through
// the tunnel").
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "control/health/envelope.hh"
#include "control/health/routing.hh"
#include "dataplane/base/result.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::health {

/// Owned by the prober's thread. While it lives there are, in this network namespace: a device
/// `flprobeN`, a table with a default route to it, and for each family a rule that sends there what
/// has this object's mark. The destructor removes all; after a SIGKILL the kernel removes device
/// and route, and the next open() of anybody the rule.
class Tunnel {
 public:
  /// Errors: no CAP_NET_ADMIN, no /dev/net/tun, a kernel without routing rules. After an error
  /// nothing is left.
  static base::Result<Tunnel> open();
  Tunnel(Tunnel&&) = default;
  Tunnel& operator=(Tunnel&&) = delete;
  ~Tunnel();

  /// Why probes through `envelope` cannot work, as the end of a sentence; "": they can. Asks the
  /// kernel whether they would get to the device and whether it would take the answers in.
  std::string obstacle(const Origin& origin, const Envelope& envelope);

  /// SO_MARK of the probes' sockets.
  [[nodiscard]] std::uint32_t mark() const { return mark_; }
  /// Readable when pump() has something to do.
  [[nodiscard]] int fd() const { return device_.get(); }

  /// A probe's socket is named by its own port. Between begin() and end() its packets go into its
  /// envelope; those of unknown ports are dropped.
  using Port = std::tuple<net::Family, net::IpProto, std::uint16_t>;
  void begin(Port port, const Envelope& envelope) { flights_[port] = Flight{envelope, {}}; }
  /// What became of a probe's packets.
  struct Fate {
    bool known = false;       // begin() was called for it, on this object
    std::uint64_t taken = 0;  // packets that came to the device
    int send_error = 0;       // errno of the last one that could not be sent
  };
  /// After the socket was closed: sends its last packet (the reset) too.
  Fate end(Port port, const Origin& origin);
  /// Sends on all that waits at the device. False: the device is gone.
  bool pump(const Origin& origin);

 private:
  struct Flight {
    Envelope envelope;
    Fate fate;
  };
  Tunnel(sys::UniqueFd device, std::string name, unsigned index, Routing routing);
  base::Result<void> set_up();
  void remove_stale_rules();
  void send(std::size_t bytes, const Origin& origin);

  static constexpr std::size_t kMostBytes = 2048;  // the device's MTU is 1500

  sys::UniqueFd device_;
  std::string name_;
  unsigned index_;
  std::uint32_t mark_;  // and number of the table
  Routing routing_;
  sys::UniqueFd raw4_;
  sys::UniqueFd raw6_;  // not valid: no IPv6 here
  std::string no_ipv6_;
  std::uint16_t next_id_ = 1;
  std::map<Port, Flight> flights_;
  std::array<std::uint8_t, kRoomInFront + kMostBytes> buffer_{};
};

}  // namespace fairlead::health
