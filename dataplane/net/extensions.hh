// SPDX-License-Identifier: BSD-3-Clause
// The bounded walk over IPv6 extension headers, for packets and for what ICMP errors quote.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/net/parse.hh"
#include "dataplane/net/wire.hh"
#include "dataplane/steer/drop_reasons.h"

namespace fairlead::net {

/// Where the walk is; begins at the IPv6 header's next header.
struct ExtensionWalk {
  std::uint8_t next_header = 0;
  std::uint32_t offset = 0;           // of that header in the frame
  bool fragment = false;              // a Fragment header was passed that is not atomic (RFC 6946)
  bool more = false;                  // its M flag
  std::uint32_t fragment_start = 0;   // offset in the frame of what it carries
  std::uint32_t fragment_offset = 0;  // in bytes, of the datagram
  std::uint32_t fragment_id = 0;      // as on the wire
};

/// True for headers that may be skipped: RFC 8200 4, RFC 7045.
[[nodiscard]] inline bool is_extension(std::uint8_t next_header) {
  constexpr std::uint8_t kMobility = 135;
  constexpr std::uint8_t kHip = 139;
  constexpr std::uint8_t kShim6 = 140;
  switch (next_header) {
    case static_cast<std::uint8_t>(IpProto::kHopByHop):
    case static_cast<std::uint8_t>(IpProto::kRouting):
    case static_cast<std::uint8_t>(IpProto::kFragment):
    case static_cast<std::uint8_t>(IpProto::kDestination):
    case kIpAuthentication:
    case kMobility:
    case kHip:
    case kShim6:
      return true;
    default:
      return false;
  }
}

/// Walks from `walk.offset` up to layer 4, past at most kMaxIpv6Extensions headers. `end`: where
/// the IP packet ends in the frame. A later fragment (offset not 0) ends the walk: what it carries
/// is not a header. Returns FL_REASON_NONE; IPV6_EXTENSIONS for too many or one that does not fit;
/// BAD_FRAGMENT for a header chain that its first fragment does not hold whole (RFC 7112) and for a
/// second Fragment header.
[[nodiscard]] fl_reason walk_extensions(
    std::span<const std::uint8_t> frame, std::uint32_t end, ExtensionWalk& walk
);

}  // namespace fairlead::net
