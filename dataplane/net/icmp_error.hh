// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors: whose packet do they speak of?
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/net/five_tuple.hh"
#include "dataplane/steer/drop_reasons.h"

namespace fairlead::net {

/// True for the messages that routers and hosts on a client's side send about a backend's packets:
/// unreachable (with "fragmentation needed"), time exceeded, parameter problem (RFC 792); for
/// ICMPv6 also "packet too big" (RFC 4443). Redirects and source quench (RFC 6633) are not.
[[nodiscard]] bool is_icmp_error(std::uint8_t family, std::uint8_t type);

/// Reads the packet that an ICMP error quotes.
///
/// `icmp`: from the ICMP header to the end of the IP packet, as far as it can be read. `outer`: the
/// tuple of the packet that carries it; only family and destination count. The quoted packet went
/// from a vip to a client, so `flow` becomes its tuple the other way round: the tuple of the flow
/// that the client's packets belong to.
///
/// Returns FL_REASON_NONE; ICMP if the quoted packet is neither TCP nor UDP (an echo reply: the
/// kernel's); BAD_ICMP_ERROR if it is cut short before 8 bytes of layer 4 (RFC 792; RFC 1122
/// 3.2.2), is a later fragment, has a port 0, or was not sent by the address that the error is
/// sent to. The quoted header's checksum, TTL and lengths are not looked at: routers change them
/// before they quote. IPv4 options and IPv6 extension headers are walked within bounds.
[[nodiscard]] fl_reason parse_icmp_error(
    std::span<const std::uint8_t> icmp, const FiveTuple& outer, FiveTuple& flow
);

}  // namespace fairlead::net
