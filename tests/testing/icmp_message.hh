// SPDX-License-Identifier: BSD-3-Clause
// ICMP and ICMPv6 bytes for packet().protocol(1 or 58).bytes(...), written from RFC 792, RFC 1191
// and RFC 4443, with checksums worked out the plain way.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tests/testing/packet_builder.hh"

namespace fairlead::testing {

/// Echo request or reply (`type` 8 or 0) with identifier 7, sequence 1 and `payload` bytes.
std::vector<std::uint8_t> echo4(std::uint8_t type, unsigned payload = 0);
/// The same for ICMPv6 (128 or 129), between these addresses.
std::vector<std::uint8_t> echo6(
    std::uint8_t type, std::string_view source, std::string_view destination, unsigned payload = 0
);

/// "Fragmentation needed, next hop's MTU is `mtu`" about the IP packet in `frame` (untagged), of
/// which as much is quoted as makes 576 bytes with the IP header.
std::vector<std::uint8_t> fragmentation_needed(std::uint16_t mtu, const Frame& frame);
/// "Packet too big", of which as much is quoted as makes 1280 bytes with the IP header.
std::vector<std::uint8_t> packet_too_big(
    std::uint32_t mtu, const Frame& frame, std::string_view source, std::string_view destination
);

}  // namespace fairlead::testing
