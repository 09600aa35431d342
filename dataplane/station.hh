// SPDX-License-Identifier: BSD-3-Clause
// A port and all that belongs to it on the main thread's side.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "control/model/model.hh"
#include "dataplane/base/result.hh"
#include "dataplane/neighbours.hh"
#include "dataplane/port.hh"
#include "dataplane/port_baseline.hh"
#include "dataplane/port_watch.hh"
#include "dataplane/punt.hh"

namespace fairlead::dataplane {

/// Owner of a queue that no worker serves yet.
inline constexpr unsigned kNobody = ~0U;

/// Main thread only. Does not move: next hops and rings are pointed to by workers.
class Station {
 public:
  struct Setup {
    model::Port configured;
    unsigned number = 0;               // of the port: names its rings and pools
    QueueCount queues;                 // `wanted` is also the most workers there may be
    model::Node node;                  // own addresses, for ARP and ND
    rte_mempool* main_pool = nullptr;  // frames that the main thread makes
    bool plug = false;                 // EAL was started without it
  };
  /// Opens the port with rings, tap and next hops, and says so in one line of the log.
  static base::Result<std::unique_ptr<Station>> open(const Setup& setup);
  Station(const Station&) = delete;
  Station& operator=(const Station&) = delete;
  ~Station() { drop_packets(); }

  /// Moves packets between workers and kernel, or hears ARP and ND. True if there was any.
  bool carry(base::Nanoseconds now);
  /// Frees what waits between workers and main thread. Requires: no worker serves the port.
  void drop_packets();

  Port port;
  unsigned number;
  PuntPath punt;
  std::vector<unsigned> owners;     // by queue: the worker that serves it, or kNobody
  std::vector<PacketRing> to_main;  // by worker; empty with PuntPath::kNone
  std::vector<PacketRing> from_main;
  std::unique_ptr<Tap> tap;  // with PuntPath::kTap
  std::unique_ptr<Neighbours> neighbours;
  PortWatch watch;
  PortBaseline cleared;

 private:
  Station(Port opened, unsigned n, PuntPath path)
      : port(std::move(opened)), number(n), punt(path) {}
  base::Result<void> fit_out(const Setup& setup);
  base::Result<void> make_rings(unsigned workers);
  base::Result<void> resolve_with(const Setup& setup);
  void send(rte_mempool* pool, const Frame& frame);
  void tell() const;
};

}  // namespace fairlead::dataplane
