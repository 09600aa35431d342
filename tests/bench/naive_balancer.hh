// SPDX-License-Identifier: BSD-3-Clause
// The balancer that anyone would write first, for comparison: one packet after the other, a
// std::unordered_map from the tuple to the backend, hash modulo backends for a new flow, an IPIP
// header. It has no weights, no states, no expiry, no counters, and IPv4 TCP only.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <unordered_map>

#include "dataplane/net/checksum.hh"
#include "dataplane/net/wire.hh"
#include "dataplane/path/burst.hh"

namespace fairlead::bench {

class NaiveBalancer {
 public:
  explicit NaiveBalancer(std::uint32_t backends) : backends_(backends) {}

  void run(path::Burst& burst) {
    for (unsigned i = 0; i < burst.count; ++i) forward(burst, i);
  }
  void forget_all() { flows_.clear(); }

 private:
  struct Tuple {
    std::uint32_t source;
    std::uint32_t destination;
    std::uint32_t ports;
    bool operator==(const Tuple&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Tuple& tuple) const {
      std::uint64_t h = (std::uint64_t{tuple.source} << 32 | tuple.destination) ^ tuple.ports;
      h *= 0x9e3779b97f4a7c15ULL;
      return h ^ h >> 32;
    }
  };

  void forward(path::Burst& burst, unsigned i) {
    std::uint8_t* const frame = burst.data[i];
    std::uint8_t* const inner = frame + kEthernet;
    Tuple tuple{};
    std::memcpy(&tuple.source, inner + 12, 8);
    std::memcpy(&tuple.ports, inner + 20, 4);
    decrement_ttl(inner);
    const auto [flow, fresh] = flows_.try_emplace(tuple, 0);
    if (fresh) flow->second = static_cast<std::uint32_t>(Hash{}(tuple) % backends_);
    burst.member[i] = flow->second;

    std::uint8_t outer[kEthernet + kOuter] = {};
    std::memcpy(outer, frame, kEthernet);
    std::uint8_t* const ip = outer + kEthernet;
    const auto bytes =
        net::be16::from_host(static_cast<std::uint16_t>(burst.length[i] - kEthernet + kOuter));
    ip[0] = 0x45;
    std::memcpy(ip + 2, &bytes, 2);
    ip[8] = 64;
    ip[9] = static_cast<std::uint8_t>(net::IpProto::kIpip);
    const std::uint32_t to = 0x0100000aU + (flow->second << 24);
    std::memcpy(ip + 12, &tuple.destination, 4);
    std::memcpy(ip + 16, &to, 4);
    const std::uint16_t checksum = net::ipv4_checksum(ip, kOuter);
    std::memcpy(ip + 10, &checksum, 2);
    burst.data[i] = frame - kOuter;
    std::memcpy(burst.data[i], outer, sizeof outer);
    burst.length[i] += kOuter;
  }

  static void decrement_ttl(std::uint8_t* header) {
    std::uint16_t before;
    std::uint16_t after;
    std::uint16_t checksum;
    std::memcpy(&before, header + 8, 2);
    --header[8];
    std::memcpy(&after, header + 8, 2);
    std::memcpy(&checksum, header + 10, 2);
    checksum = net::checksum_update(checksum, before, after);
    std::memcpy(header + 10, &checksum, 2);
  }

  static constexpr std::uint32_t kEthernet = 14;
  static constexpr std::uint32_t kOuter = 20;
  std::uint32_t backends_;
  std::unordered_map<Tuple, std::uint32_t, Hash> flows_;
};

}  // namespace fairlead::bench
