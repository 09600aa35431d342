// SPDX-License-Identifier: BSD-3-Clause
// Frames for tests of XDP programs, built from the inside out: payload, L4, IP, tunnel, Ethernet.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/net/addr.hh"

namespace fairlead::testing {

using Bytes = std::vector<std::uint8_t>;

inline void put16(Bytes& to, unsigned value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}

inline Bytes operator+(Bytes head, const Bytes& tail) {
  head.insert(head.end(), tail.begin(), tail.end());
  return head;
}

inline Bytes tcp(unsigned source_port, unsigned destination_port) {
  Bytes b;
  put16(b, source_port);
  put16(b, destination_port);
  b.resize(20);
  b[12] = 0x50;
  b[13] = 0x02;
  return b;
}

inline Bytes udp(unsigned source_port, unsigned destination_port, const Bytes& payload = {}) {
  Bytes b;
  put16(b, source_port);
  put16(b, destination_port);
  put16(b, static_cast<unsigned>(8 + payload.size()));
  put16(b, 0);
  return b + payload;
}

inline unsigned checksum(const Bytes& b) {
  unsigned sum = 0;
  for (std::size_t i = 0; i + 1 < b.size(); i += 2) sum += b[i] * 256U + b[i + 1];
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

struct IpFields {
  unsigned ecn = 0;
  unsigned fragment = 0;  // IPv4: flags and offset as on the wire
  Bytes options = {};  // IPv4 options, or IPv6 extension headers (the first one's type in `next`)
  int next = -1;
};

inline Bytes ip4(
    const std::string& from,
    const std::string& to,
    unsigned protocol,
    const Bytes& payload,
    const IpFields& f = {}
) {
  Bytes b = {
      static_cast<std::uint8_t>(0x45 + f.options.size() / 4), static_cast<std::uint8_t>(f.ecn)};
  put16(b, static_cast<unsigned>(20 + f.options.size() + payload.size()));
  put16(b, 7);
  put16(b, f.fragment);
  b.push_back(64);
  b.push_back(static_cast<std::uint8_t>(protocol));
  put16(b, 0);
  for (const auto& text : {from, to}) {
    const auto address = *net::IpAddr::parse(text);
    b.insert(b.end(), address.bytes.begin(), address.bytes.begin() + 4);
  }
  b = b + f.options;
  const unsigned sum = checksum(b);
  b[10] = static_cast<std::uint8_t>(sum >> 8);
  b[11] = static_cast<std::uint8_t>(sum);
  return b + payload;
}

inline Bytes ip6(
    const std::string& from,
    const std::string& to,
    unsigned protocol,
    const Bytes& payload,
    const IpFields& f = {}
) {
  Bytes b = {0x60, static_cast<std::uint8_t>(f.ecn << 4), 0, 0};
  put16(b, static_cast<unsigned>(f.options.size() + payload.size()));
  b.push_back(static_cast<std::uint8_t>(f.next < 0 ? static_cast<int>(protocol) : f.next));
  b.push_back(64);
  for (const auto& text : {from, to}) {
    const auto address = *net::IpAddr::parse(text);
    b.insert(b.end(), address.bytes.begin(), address.bytes.end());
  }
  return b + f.options + payload;
}

/// `hops`: addresses of the hop list; none: no private data at all.
inline Bytes gue(unsigned protocol, const std::vector<std::string>& hops, const Bytes& payload) {
  Bytes b = {
      static_cast<std::uint8_t>(hops.empty() ? 0 : 1 + hops.size()),
      static_cast<std::uint8_t>(protocol),
      0,
      0};
  if (!hops.empty()) {
    put16(b, 0);
    put16(b, static_cast<unsigned>(hops.size()));
    for (const auto& hop : hops) {
      const auto address = *net::IpAddr::parse(hop);
      b.insert(b.end(), address.bytes.begin(), address.bytes.begin() + 4);
    }
  }
  return udp(40000, 19523, b + payload);
}

/// `tags`: VLAN ids from the outside.
inline Bytes ethernet(unsigned type, const Bytes& payload, const std::vector<unsigned>& tags = {}) {
  Bytes b = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
  for (const unsigned tag : tags) {
    put16(b, 0x8100);
    put16(b, tag);
  }
  put16(b, type);
  return b + payload;
}

inline constexpr unsigned kIpv4Type = 0x0800;
inline constexpr unsigned kIpv6Type = 0x86dd;

}  // namespace fairlead::testing
