// SPDX-License-Identifier: BSD-3-Clause
// The way between a worker and the main thread for packets that are not a vip's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "dataplane/base/result.hh"
#include "dataplane/net/addr.hh"

namespace fairlead::dataplane {

/// Where a port's packets for the kernel go.
enum class PuntPath : std::uint8_t {
  kNone,  // nowhere: dropped with no_punt. With AF_XDP the gate already gave the kernel its share
  kNeighbours,  // ARP and ND to our own responder, the rest dropped with no_punt
  kTap,         // all of it to a tap interface, and the tap's packets out of the port
};

/// A tap interface: its other end is the kernel, which then has an interface for a port that
/// DPDK owns. Carries few packets (BGP, ARP, SSH): the main thread moves them. Main thread only.
class Tap {
 public:
  /// What EAL must be given; `number` is the port's.
  static std::string device(unsigned number, const std::string& interface);
  /// Opens it with the port's MAC, so that the router's answers reach it.
  static base::Result<Tap> open(
      unsigned number, const std::string& interface, const net::MacAddr& mac
  );
  Tap(Tap&& other) noexcept : ethdev_(std::exchange(other.ethdev_, kNone)) {}
  Tap& operator=(Tap&&) = delete;
  ~Tap();

  /// Takes the packet; the kernel may drop it when its queue is full.
  void to_kernel(rte_mbuf* packet);
  /// Next packet of the kernel's, or null.
  rte_mbuf* from_kernel();

 private:
  static constexpr std::uint16_t kNone = 0xffff;
  explicit Tap(std::uint16_t ethdev) : ethdev_(ethdev) {}
  std::uint16_t ethdev_;
};

/// A bounded ring of buffers with one producer and one consumer; never waits.
class PacketRing {
 public:
  static base::Result<PacketRing> create(const std::string& name);

  /// False when full: the caller still owns the packet.
  [[nodiscard]] bool push(rte_mbuf* packet) {
    return rte_ring_sp_enqueue(ring_.get(), packet) == 0;
  }
  /// Null when empty.
  [[nodiscard]] rte_mbuf* pop() {
    void* packet = nullptr;
    return rte_ring_sc_dequeue(ring_.get(), &packet) == 0 ? static_cast<rte_mbuf*>(packet)
                                                          : nullptr;
  }
  [[nodiscard]] bool empty() const { return rte_ring_empty(ring_.get()) != 0; }

  static constexpr unsigned kPackets = 256;

 private:
  struct Free {
    void operator()(rte_ring* ring) const { rte_ring_free(ring); }
  };
  explicit PacketRing(rte_ring* ring) : ring_(ring) {}
  std::unique_ptr<rte_ring, Free> ring_;
};

}  // namespace fairlead::dataplane
