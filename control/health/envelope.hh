// SPDX-License-Identifier: BSD-3-Clause
// A probe's packet on its way to a backend: the outer headers of the vip's traffic. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "control/model/model.hh"
#include "dataplane/net/encap.hh"
#include "dataplane/net/outer_policy.hh"
#include "dataplane/net/parse.hh"

namespace fairlead::health {

using HashKey = std::array<std::uint64_t, 2>;

/// What all tunnel probes of a node have in common.
struct Origin {
  std::optional<net::IpAddr> node4;   // sources of the probes, as clients of the vip
  std::optional<net::IpAddr> node6;   //
  std::optional<net::IpAddr> outer4;  // sources of the outer headers; entropy bits are 0
  std::optional<net::IpAddr> outer6;
  net::OuterPolicy policy;
  HashKey hash_key{};
  std::string interface;  // where the vip's answers come in; "": not known

  [[nodiscard]] const std::optional<net::IpAddr>& node(net::Family family) const {
    return family == net::Family::kIpv4 ? node4 : node6;
  }
  [[nodiscard]] const std::optional<net::IpAddr>& outer(net::Family family) const {
    return family == net::Family::kIpv4 ? outer4 : outer6;
  }
  friend bool operator==(const Origin&, const Origin&) = default;
};

/// As the published table has it (control/steering/encode.cc): the outer source is the configured
/// prefix, else the node's address. `interface` stays empty.
Origin make_origin(
    const model::Node& node, const model::Outgoing& outgoing, const HashKey& hash_key
);

/// How a backend is reached for a vip.
struct Envelope {
  model::Encapsulation encapsulation = model::Encapsulation::kIpip;  // not kL2
  net::IpAddr vip;                                                   // the probe's destination
  net::IpAddr backend;                                               // outer destination
  friend bool operator==(const Envelope&, const Envelope&) = default;
};

/// What the configuration lacks for probes through this tunnel, as the end of a sentence; "":
/// nothing.
std::string missing(const Origin& origin, const Envelope& envelope);

/// Bytes to keep free in front of an inner packet: outer headers, and the parser's Ethernet header.
inline constexpr std::size_t kRoomInFront = net::kHeadroomBytes;

/// Reads an IP packet of `bytes` bytes at `inner`, with the parser of the data plane; nullopt
/// unless it is a whole TCP segment or UDP datagram. Overwrites the Ethernet header's room in front
/// of it.
std::optional<net::ParsedPacket> read_segment(std::uint8_t* inner, std::size_t bytes);

/// Writes the outer headers in front of the packet that read_segment() read, by the functions of
/// the data plane (net/encap.hh, net/outer_policy.hh), and returns the whole. `id`: IPv4
/// identification, should DF be cleared. Requires: kRoomInFront bytes, and missing() is "".
std::span<const std::uint8_t> wrap(
    std::uint8_t* inner,
    const net::ParsedPacket& packet,
    const Envelope& envelope,
    const Origin& origin,
    std::uint16_t id
);

}  // namespace fairlead::health
