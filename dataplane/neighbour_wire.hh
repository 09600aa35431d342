// SPDX-License-Identifier: BSD-3-Clause
// ARP (RFC 826) and IPv6 neighbour discovery (RFC 4861) as bytes: for ports that no kernel owns.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/net/addr.hh"

namespace fairlead::dataplane {

/// Who we are on a port. Questions about other addresses are not answered: the vips belong to the
/// router's routes, and several nodes share them.
struct OwnAddresses {
  net::MacAddr mac;
  std::optional<net::IpAddr> v4;
  std::optional<net::IpAddr> v6;
};

struct Frame {
  std::array<std::uint8_t, 96> bytes{};
  std::size_t size = 0;
  [[nodiscard]] std::span<const std::uint8_t> view() const { return {bytes.data(), size}; }
};

struct Neighbour {
  net::IpAddr address;
  net::MacAddr mac;
  friend bool operator==(const Neighbour&, const Neighbour&) = default;
};

/// What a frame told us, and what we must answer.
struct Heard {
  std::optional<Neighbour> neighbour;
  std::optional<Frame> answer;
};

/// True for ARP and for the neighbour messages of ICMPv6 (types 133 to 136), untagged.
bool is_neighbour_message(std::span<const std::uint8_t> frame);

/// Takes one received frame. Anything malformed, or not for us, gives an empty Heard. ND messages
/// must have hop limit 255 and a right checksum (RFC 4861 section 7.1).
Heard hear(std::span<const std::uint8_t> frame, const OwnAddresses& own);

/// The question for `target`'s MAC; empty if we have no address of its family.
std::optional<Frame> ask(const net::IpAddr& target, const OwnAddresses& own);

}  // namespace fairlead::dataplane
