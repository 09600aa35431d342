// SPDX-License-Identifier: BSD-3-Clause
// Parsing of one frame: one function per layer, each checks its bounds once.
#include "dataplane/net/parse.hh"

#include "dataplane/net/checksum.hh"
#include "dataplane/net/wire.hh"

namespace fairlead::net {
namespace {

constexpr std::uint8_t number(IpProto protocol) {
  return static_cast<std::uint8_t>(protocol);
}

// Extension headers that may be skipped; AH counts its length differently.
constexpr std::uint8_t kAuthentication = 51;
constexpr std::uint8_t kMobility = 135;
constexpr std::uint8_t kHip = 139;
constexpr std::uint8_t kShim6 = 140;

bool is_extension(std::uint8_t next_header) {
  switch (next_header) {
    case number(IpProto::kHopByHop):
    case number(IpProto::kRouting):
    case number(IpProto::kFragment):
    case number(IpProto::kDestination):
    case kAuthentication:
    case kMobility:
    case kHip:
    case kShim6:
      return true;
    default:
      return false;
  }
}

bool is_martian4(std::uint32_t source_raw, std::uint32_t destination_raw) {
  const std::uint32_t first = source_raw & 0xffU;  // first byte on the wire
  return first == 0 || first == 127 || (first & 0xf0U) == 0xe0 || source_raw == 0xffffffffU ||
         source_raw == destination_raw;
}

bool is_martian6(const FiveTuple& t) {
  const bool high_zero = t.source[0] == 0;
  const bool unspecified_or_loopback =
      high_zero && (t.source[1] == 0 || t.source[1] == be64::from_host(1).raw());
  return unspecified_or_loopback || (t.source[0] & 0xffU) == 0xff ||
         (t.source[0] == t.destination[0] && t.source[1] == t.destination[1]);
}

fl_reason parse_tcp(
    std::span<const std::uint8_t> frame, std::uint32_t l4_bytes, ParsedPacket& out
) {
  const auto* tcp = view_as<TcpHeader>(frame, out.l4_offset);
  if (tcp == nullptr || l4_bytes < sizeof *tcp) return FL_REASON_TRUNCATED_L4;
  if (tcp->header_bytes() < sizeof *tcp || tcp->header_bytes() > l4_bytes)
    return FL_REASON_BAD_TCP_HEADER;
  if (tcp->source_port.raw() == 0 || tcp->destination_port.raw() == 0) return FL_REASON_ZERO_PORT;
  const std::uint8_t flags = tcp->flags & (kTcpFin | kTcpSyn | kTcpRst | kTcpAck);
  const bool contradictory = (flags & kTcpSyn) != 0 && (flags & (kTcpFin | kTcpRst)) != 0;
  if (flags == 0 || contradictory) return FL_REASON_BAD_TCP_FLAGS;
  out.tcp_flags = tcp->flags;
  return FL_REASON_NONE;
}

fl_reason parse_udp(
    std::span<const std::uint8_t> frame, std::uint32_t l4_bytes, const ParsedPacket& out
) {
  const auto* udp = view_as<UdpHeader>(frame, out.l4_offset);
  if (udp == nullptr || l4_bytes < sizeof *udp) return FL_REASON_TRUNCATED_L4;
  if (udp->length.host() < sizeof *udp || udp->length.host() > l4_bytes)
    return FL_REASON_BAD_UDP_LENGTH;
  if (udp->source_port.raw() == 0 || udp->destination_port.raw() == 0) return FL_REASON_ZERO_PORT;
  return FL_REASON_NONE;
}

/// `protocol` at `l4_offset`, which lies within the IP packet.
fl_reason parse_l4(
    std::span<const std::uint8_t> frame,
    std::uint8_t protocol,
    std::uint32_t l4_offset,
    ParsedPacket& out
) {
  out.tuple.protocol = protocol;
  out.l4_offset = static_cast<std::uint16_t>(l4_offset);
  const std::uint32_t l4_bytes = out.ip_bytes - (l4_offset - out.l3_offset);
  fl_reason reason = FL_REASON_UNSUPPORTED_L4;
  if (protocol == number(IpProto::kTcp)) {
    reason = parse_tcp(frame, l4_bytes, out);
  } else if (protocol == number(IpProto::kUdp)) {
    reason = parse_udp(frame, l4_bytes, out);
  }
  if (reason == FL_REASON_NONE) out.tuple.ports_raw = load32(frame.data() + l4_offset);
  return reason;
}

fl_reason parse_ipv4(
    std::span<const std::uint8_t> frame, std::uint32_t frame_bytes, ParsedPacket& out
) {
  const auto* ip = view_as<Ipv4Header>(frame, out.l3_offset);
  if (ip == nullptr) return FL_REASON_TRUNCATED_IP;
  if (ip->version() != 4) return FL_REASON_BAD_IP_VERSION;
  const unsigned header_bytes = ip->header_bytes();
  const std::uint32_t total = ip->total_length.host();
  if (header_bytes < sizeof *ip || header_bytes > total) return FL_REASON_BAD_IP_HEADER;
  if (total > frame_bytes - out.l3_offset || out.l3_offset + header_bytes > frame.size())
    return FL_REASON_TRUNCATED_IP;
  const std::uint8_t* const header = frame.data() + out.l3_offset;
  if (!ipv4_checksum_ok(header, header_bytes)) return FL_REASON_BAD_IP_CHECKSUM;

  const std::uint32_t source = load32(ip->source);
  const std::uint32_t destination = load32(ip->destination);
  out.tuple.source[0] = source;
  out.tuple.destination[0] = destination;
  out.tuple.family = 4;
  out.ip_bytes = total;
  out.ttl = ip->ttl;
  out.traffic_class = ip->tos;
  if (ip->protocol == number(IpProto::kIcmp)) {
    out.tuple.protocol = ip->protocol;
    return FL_REASON_ICMP;
  }
  if (is_martian4(source, destination)) return FL_REASON_MARTIAN_SOURCE;
  if (ip->ttl <= 1) return FL_REASON_TTL_EXPIRED;
  if ((ip->fragment.raw() & kIpv4FragmentMask.raw()) != 0) return FL_REASON_FRAGMENT;
  return parse_l4(frame, ip->protocol, out.l3_offset + header_bytes, out);
}

/// Walks the extension headers from `offset`; on success `next_header` and `offset` are layer 4's.
fl_reason skip_extensions(
    std::span<const std::uint8_t> frame,
    std::uint32_t end,
    std::uint8_t& next_header,
    std::uint32_t& offset
) {
  for (unsigned i = 0; is_extension(next_header); ++i) {
    if (i == kMaxIpv6Extensions) return FL_REASON_IPV6_EXTENSIONS;
    const auto* extension = view_as<Ipv6Extension>(frame, offset);
    if (extension == nullptr) return FL_REASON_IPV6_EXTENSIONS;
    std::uint32_t bytes = (extension->length + 1U) * 8U;
    if (next_header == number(IpProto::kFragment)) {
      if ((extension->fragment.raw() & kIpv6FragmentMask.raw()) != 0) return FL_REASON_FRAGMENT;
      bytes = 8;
    } else if (next_header == kAuthentication) {
      bytes = (extension->length + 2U) * 4U;
    }
    if (bytes > end - offset) return FL_REASON_IPV6_EXTENSIONS;
    next_header = extension->next_header;
    offset += bytes;
  }
  return FL_REASON_NONE;
}

fl_reason parse_ipv6(
    std::span<const std::uint8_t> frame, std::uint32_t frame_bytes, ParsedPacket& out
) {
  const auto* ip = view_as<Ipv6Header>(frame, out.l3_offset);
  if (ip == nullptr) return FL_REASON_TRUNCATED_IP;
  if (ip->version() != 6) return FL_REASON_BAD_IP_VERSION;
  const std::uint32_t total = static_cast<std::uint32_t>(sizeof *ip) + ip->payload_length.host();
  if (total > frame_bytes - out.l3_offset) return FL_REASON_TRUNCATED_IP;

  out.tuple.source[0] = load64(ip->source);
  out.tuple.source[1] = load64(ip->source + 8);
  out.tuple.destination[0] = load64(ip->destination);
  out.tuple.destination[1] = load64(ip->destination + 8);
  out.tuple.family = 6;
  out.ip_bytes = total;
  out.ttl = ip->hop_limit;
  out.traffic_class = ip->traffic_class();
  std::uint8_t next_header = ip->next_header;
  std::uint32_t offset = out.l3_offset + static_cast<std::uint32_t>(sizeof *ip);
  fl_reason walked = FL_REASON_NONE;
  if (is_extension(next_header)) [[unlikely]]
    walked = skip_extensions(frame, out.l3_offset + total, next_header, offset);
  if (next_header == number(IpProto::kIcmpv6)) {
    out.tuple.protocol = next_header;
    return FL_REASON_ICMP;
  }
  if (is_martian6(out.tuple)) return FL_REASON_MARTIAN_SOURCE;
  if (ip->hop_limit <= 1) return FL_REASON_TTL_EXPIRED;
  if (walked != FL_REASON_NONE) return walked;
  return parse_l4(frame, next_header, offset, out);
}

}  // namespace

fl_reason parse_packet(
    std::span<const std::uint8_t> frame, std::uint32_t frame_bytes, ParsedPacket& out
) {
  out = ParsedPacket{};
  const auto* ethernet = view_as<EthernetHeader>(frame);
  if (ethernet == nullptr) return FL_REASON_TRUNCATED_ETHERNET;
  be16 type = ethernet->type;
  std::uint16_t offset = sizeof *ethernet;
  while (type == kEtherVlan || type == kEtherQinq) {
    if (out.vlan_tags == kMaxVlanTags) return FL_REASON_NOT_IP;
    const auto* tag = view_as<VlanTag>(frame, offset);
    if (tag == nullptr) return FL_REASON_TRUNCATED_ETHERNET;
    type = tag->type;
    offset = static_cast<std::uint16_t>(offset + sizeof *tag);
    ++out.vlan_tags;
  }
  out.l3_offset = offset;
  if (type == kEtherIpv4) return parse_ipv4(frame, frame_bytes, out);
  if (type == kEtherIpv6) return parse_ipv6(frame, frame_bytes, out);
  return FL_REASON_NOT_IP;
}

}  // namespace fairlead::net
