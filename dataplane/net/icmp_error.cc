// SPDX-License-Identifier: BSD-3-Clause
// From an ICMP error to the flow that it is about.
#include "dataplane/net/icmp_error.hh"

#include "dataplane/net/extensions.hh"
#include "dataplane/net/wire.hh"

namespace fairlead::net {
namespace {

constexpr std::size_t kQuotedL4 = 8;

/// The quoted packet's ports, the other way round, and its protocol.
fl_reason read_l4(
    std::span<const std::uint8_t> quote, std::size_t offset, std::uint8_t protocol, FiveTuple& flow
) {
  if (protocol != static_cast<std::uint8_t>(IpProto::kTcp) &&
      protocol != static_cast<std::uint8_t>(IpProto::kUdp))
    return FL_REASON_ICMP;
  if (offset > quote.size() || quote.size() - offset < kQuotedL4) return FL_REASON_BAD_ICMP_ERROR;
  const std::uint32_t ports = load32(quote.data() + offset);
  if ((ports & 0xffffU) == 0 || ports >> 16 == 0) return FL_REASON_BAD_ICMP_ERROR;
  flow.ports_raw = ports << 16 | ports >> 16;
  flow.protocol = protocol;
  return FL_REASON_NONE;
}

fl_reason read_ipv4(std::span<const std::uint8_t> quote, const FiveTuple& outer, FiveTuple& flow) {
  const auto* ip = view_as<Ipv4Header>(quote);
  if (ip == nullptr || ip->version() != 4 || ip->header_bytes() < sizeof *ip)
    return FL_REASON_BAD_ICMP_ERROR;
  flow.source[0] = load32(ip->destination);
  flow.destination[0] = load32(ip->source);
  flow.family = 4;
  if (flow.destination[0] != outer.destination[0]) return FL_REASON_BAD_ICMP_ERROR;
  if ((ip->fragment.host() & 0x1fffU) != 0) return FL_REASON_BAD_ICMP_ERROR;
  return read_l4(quote, ip->header_bytes(), ip->protocol, flow);
}

fl_reason read_ipv6(std::span<const std::uint8_t> quote, const FiveTuple& outer, FiveTuple& flow) {
  const auto* ip = view_as<Ipv6Header>(quote);
  if (ip == nullptr || ip->version() != 6) return FL_REASON_BAD_ICMP_ERROR;
  for (unsigned i = 0; i < 2; ++i) {
    flow.source[i] = load64(ip->destination + 8 * i);
    flow.destination[i] = load64(ip->source + 8 * i);
    if (flow.destination[i] != outer.destination[i]) return FL_REASON_BAD_ICMP_ERROR;
  }
  flow.family = 6;
  ExtensionWalk walk{.next_header = ip->next_header, .offset = sizeof *ip};
  const auto end = static_cast<std::uint32_t>(quote.size());
  if (walk_extensions(quote, end, walk) != FL_REASON_NONE || walk.fragment_offset != 0)
    return FL_REASON_BAD_ICMP_ERROR;
  return read_l4(quote, walk.offset, walk.next_header, flow);
}

}  // namespace

bool is_icmp_error(std::uint8_t family, std::uint8_t type) {
  if (family == 6) return type >= 1 && type <= 4;
  return type == 3 || type == 11 || type == 12;
}

fl_reason parse_icmp_error(
    std::span<const std::uint8_t> icmp, const FiveTuple& outer, FiveTuple& flow
) {
  if (icmp.size() < sizeof(IcmpHeader)) return FL_REASON_BAD_ICMP_ERROR;
  const auto quote = icmp.subspan(sizeof(IcmpHeader));
  flow = FiveTuple{};
  return outer.family == 6 ? read_ipv6(quote, outer, flow) : read_ipv4(quote, outer, flow);
}

}  // namespace fairlead::net
