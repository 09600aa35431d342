// SPDX-License-Identifier: BSD-3-Clause
// Parsing of one frame: one function per layer, each checks its bounds once.
#include "dataplane/net/parse.hh"

#include <algorithm>

#include "dataplane/net/checksum.hh"
#include "dataplane/net/extensions.hh"
#include "dataplane/net/icmp.hh"
#include "dataplane/net/icmp_error.hh"
#include "dataplane/net/wire.hh"

namespace fairlead::net {
namespace {

constexpr std::uint8_t number(IpProto protocol) {
  return static_cast<std::uint8_t>(protocol);
}

bool is_martian4(const FiveTuple& t) {
  const auto source = static_cast<std::uint32_t>(t.source[0]);
  const std::uint32_t first = source & 0xffU;  // first byte on the wire
  return first == 0 || first == 127 || (first & 0xf0U) == 0xe0 || source == 0xffffffffU ||
         source == t.destination[0];
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
  // A first fragment holds only the beginning of what the length counts.
  const bool whole = out.kind != PacketKind::kFirstFragment;
  if (udp->length.host() < sizeof *udp || (whole && udp->length.host() > l4_bytes))
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

/// What an IP header says of a fragment.
struct FragmentField {
  std::uint32_t start;   // where its data begins in the frame
  std::uint32_t offset;  // of that data in the datagram, in bytes
  std::uint32_t before;  // bytes of the datagram in front of what is cut into fragments
  std::uint32_t id;      // as on the wire
  bool more;
};

fl_reason parse_fragment(
    std::span<const std::uint8_t> frame,
    const FragmentField& fragment,
    std::uint8_t protocol,
    std::uint32_t l4_offset,
    ParsedPacket& out
) {
  constexpr std::uint32_t kLongestDatagram = 65535;
  const bool tcp = protocol == number(IpProto::kTcp);
  const bool first = fragment.offset == 0;
  const std::uint32_t bytes = out.ip_bytes - (fragment.start - out.l3_offset);
  out.kind = first ? PacketKind::kFirstFragment : PacketKind::kLaterFragment;
  out.fragment_id = fragment.id;
  out.tuple.protocol = protocol;
  if (bytes == 0 || (fragment.more && bytes % 8 != 0)) return FL_REASON_BAD_FRAGMENT;
  if (fragment.before + fragment.offset + bytes > kLongestDatagram) return FL_REASON_BAD_FRAGMENT;
  if (first) {
    const fl_reason reason = parse_l4(frame, protocol, l4_offset, out);
    return reason == FL_REASON_TRUNCATED_L4 ? FL_REASON_BAD_FRAGMENT : reason;
  }
  if (tcp && fragment.offset < sizeof(TcpHeader)) return FL_REASON_BAD_FRAGMENT;
  // Behind an IPv6 Fragment header may come an extension header, in the first fragment.
  const bool may_be_ours =
      tcp || protocol == number(IpProto::kUdp) || (out.tuple.family == 6 && is_extension(protocol));
  return may_be_ours ? FL_REASON_NONE : FL_REASON_UNSUPPORTED_L4;
}

/// ICMP at `offset`: an error about a flow, or the kernel's.
fl_reason parse_icmp(std::span<const std::uint8_t> frame, std::uint32_t offset, ParsedPacket& out) {
  out.tuple.protocol = out.tuple.family == 6 ? number(IpProto::kIcmpv6) : number(IpProto::kIcmp);
  const std::size_t end = std::min<std::size_t>(frame.size(), out.l3_offset + out.ip_bytes);
  if (offset >= end || !is_icmp_error(out.tuple.family, frame[offset])) return FL_REASON_ICMP;
  FiveTuple flow;
  const fl_reason reason = parse_icmp_error(frame.subspan(offset, end - offset), out.tuple, flow);
  if (reason != FL_REASON_NONE) return reason;
  const bool martian = out.tuple.family == 6 ? is_martian6(out.tuple) : is_martian4(out.tuple);
  if (martian) return FL_REASON_MARTIAN_SOURCE;
  if (out.ttl <= 1) return FL_REASON_TTL_EXPIRED;
  out.tuple = flow;
  out.l4_offset = static_cast<std::uint16_t>(offset);
  out.kind = PacketKind::kIcmpError;
  return FL_REASON_NONE;
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
  if (!ipv4_checksum_ok(frame.data() + out.l3_offset, header_bytes))
    return FL_REASON_BAD_IP_CHECKSUM;

  out.tuple.source[0] = load32(ip->source);
  out.tuple.destination[0] = load32(ip->destination);
  out.tuple.family = 4;
  out.ip_bytes = total;
  out.ttl = ip->ttl;
  out.traffic_class = ip->tos;
  const std::uint32_t l4 = out.l3_offset + header_bytes;
  const bool fragment = (ip->fragment.raw() & kIpv4FragmentMask.raw()) != 0;
  if (ip->protocol == number(IpProto::kIcmp)) {
    out.tuple.protocol = ip->protocol;
    return fragment ? FL_REASON_ICMP : parse_icmp(frame, l4, out);
  }
  if (is_martian4(out.tuple)) return FL_REASON_MARTIAN_SOURCE;
  if (ip->ttl <= 1) return FL_REASON_TTL_EXPIRED;
  if (!fragment) return parse_l4(frame, ip->protocol, l4, out);
  const std::uint16_t field = ip->fragment.host();
  const FragmentField found{
      l4, (field & 0x1fffU) * 8U, header_bytes, ip->id.raw(), (field & 0x2000U) != 0};
  return parse_fragment(frame, found, ip->protocol, l4, out);
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
  const std::uint32_t behind = out.l3_offset + static_cast<std::uint32_t>(sizeof *ip);
  ExtensionWalk walk{.next_header = ip->next_header, .offset = behind};
  fl_reason walked = FL_REASON_NONE;
  if (is_extension(walk.next_header)) [[unlikely]]
    walked = walk_extensions(frame, out.l3_offset + total, walk);
  if (walked == FL_REASON_NONE && walk.next_header == number(IpProto::kIcmpv6)) {
    out.tuple.protocol = walk.next_header;
    return walk.fragment ? FL_REASON_ICMP : parse_icmp(frame, walk.offset, out);
  }
  if (is_martian6(out.tuple)) return FL_REASON_MARTIAN_SOURCE;
  if (ip->hop_limit <= 1) return FL_REASON_TTL_EXPIRED;
  if (walked != FL_REASON_NONE) return walked;
  if (!walk.fragment) return parse_l4(frame, walk.next_header, walk.offset, out);
  const std::uint32_t before =
      walk.fragment_start - static_cast<std::uint32_t>(sizeof(Ipv6Extension)) - behind;
  const FragmentField found{
      walk.fragment_start, walk.fragment_offset, before, walk.fragment_id, walk.more};
  return parse_fragment(frame, found, walk.next_header, walk.offset, out);
}

}  // namespace

bool is_martian(const FiveTuple& tuple) {
  if (tuple.family == 6) return is_martian6(tuple);
  return is_martian4(tuple);
}

bool is_echo_request(const std::uint8_t* packet, std::size_t readable) {
  if (readable < sizeof(Ipv4Header) + sizeof(IcmpHeader)) return false;
  if (*packet >> 4 == 4) {
    const auto* ip = header_at<Ipv4Header>(packet);
    const auto* icmp = header_at<IcmpHeader>(packet + sizeof *ip);
    return ip->header_bytes() == sizeof *ip && ip->protocol == number(IpProto::kIcmp) &&
           (ip->fragment.raw() & kIpv4FragmentMask.raw()) == 0 &&
           ip->total_length.host() >= sizeof *ip + sizeof *icmp && icmp->type == kIcmpEchoRequest &&
           icmp->code == 0;
  }
  const auto* ip = header_at<Ipv6Header>(packet);
  if (readable < sizeof *ip + sizeof(IcmpHeader)) return false;
  const auto* icmp = header_at<IcmpHeader>(packet + sizeof *ip);
  return ip->next_header == number(IpProto::kIcmpv6) && ip->payload_length.host() >= sizeof *icmp &&
         icmp->type == kIcmp6EchoRequest && icmp->code == 0;
}

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
