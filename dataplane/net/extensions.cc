// SPDX-License-Identifier: BSD-3-Clause
// The walk over IPv6 extension headers.
#include "dataplane/net/extensions.hh"

#include <cstddef>

namespace fairlead::net {
namespace {

/// Notes a Fragment header. False if it cannot be.
bool enter_fragment(const Ipv6Extension& header, ExtensionWalk& walk) {
  if ((header.fragment.raw() & kIpv6FragmentMask.raw()) == 0) return true;  // atomic
  if (walk.fragment) return false;
  const std::uint16_t field = header.fragment.host();
  walk.fragment = true;
  walk.more = (field & 1U) != 0;
  walk.fragment_start = walk.offset + static_cast<std::uint32_t>(sizeof header);
  walk.fragment_offset = field & 0xfff8U;
  walk.fragment_id = load32(header.rest);
  return true;
}

/// Length of the header in bytes.
std::uint32_t bytes_of(std::uint8_t type, const Ipv6Extension& header) {
  if (type == static_cast<std::uint8_t>(IpProto::kFragment)) return sizeof header;
  if (type == kIpAuthentication) return (header.length + 2U) * 4U;
  return (header.length + 1U) * 8U;
}

}  // namespace

fl_reason walk_extensions(
    std::span<const std::uint8_t> frame, std::uint32_t end, ExtensionWalk& walk
) {
  for (unsigned passed = 0; is_extension(walk.next_header); ++passed) {
    const fl_reason broken = walk.fragment ? FL_REASON_BAD_FRAGMENT : FL_REASON_IPV6_EXTENSIONS;
    if (passed == kMaxIpv6Extensions) return FL_REASON_IPV6_EXTENSIONS;
    const auto* header = view_as<Ipv6Extension>(frame, walk.offset);
    if (header == nullptr || walk.offset > end) return broken;
    const std::uint32_t bytes = bytes_of(walk.next_header, *header);
    if (bytes > end - walk.offset) return broken;
    const bool fragment = walk.next_header == static_cast<std::uint8_t>(IpProto::kFragment);
    if (fragment && !enter_fragment(*header, walk)) return FL_REASON_BAD_FRAGMENT;
    walk.next_header = header->next_header;
    walk.offset += bytes;
    if (walk.fragment_offset != 0) return FL_REASON_NONE;
  }
  return FL_REASON_NONE;
}

}  // namespace fairlead::net
