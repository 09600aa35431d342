// SPDX-License-Identifier: BSD-3-Clause
// Outer headers of probes.
#include "control/health/envelope.hh"

#include "dataplane/net/wire.hh"
#include "dataplane/steer/tuple_hash.hh"

namespace fairlead::health {
namespace {

std::uint8_t entropy_bits(const std::optional<net::Prefix>& source) {
  return source ? static_cast<std::uint8_t>(source->address.bits() - source->length) : 0;
}

std::optional<net::IpAddr> outer_source(
    const std::optional<net::Prefix>& source, const std::optional<net::IpAddr>& node
) {
  return source ? source->address.masked(source->length) : node;
}

std::uint8_t number(net::Family family) {
  return static_cast<std::uint8_t>(family);
}

}  // namespace

Origin make_origin(
    const model::Node& node, const model::Outgoing& outgoing, const HashKey& hash_key
) {
  Origin origin;
  origin.node4 = node.address;
  origin.node6 = node.address6;
  origin.outer4 = outer_source(outgoing.source4, node.address);
  origin.outer6 = outer_source(outgoing.source6, node.address6);
  origin.policy.entropy4 = entropy_bits(outgoing.source4);
  origin.policy.entropy6 = entropy_bits(outgoing.source6);
  origin.policy.ttl = outgoing.ttl;
  origin.policy.dscp = outgoing.dscp.value_or(net::kDscpInner);
  origin.policy.df_clear = outgoing.df == model::OuterDf::kClear;
  origin.policy.df_inner = outgoing.df == model::OuterDf::kCopy;
  origin.policy.udp_checksum = outgoing.udp_checksum;
  origin.hash_key = hash_key;
  return origin;
}

std::string missing(const Origin& origin, const Envelope& envelope) {
  if (!origin.node(envelope.vip.family))
    return envelope.vip.is_v4() ? "node.address is not set" : "node.address6 is not set";
  if (!origin.outer(envelope.backend.family)) {
    return envelope.backend.is_v4() ? "neither node.address nor tunnel.source is set"
                                    : "neither node.address6 nor tunnel.source6 is set";
  }
  return "";
}

std::optional<net::ParsedPacket> read_segment(std::uint8_t* inner, std::size_t bytes) {
  if (bytes == 0) return std::nullopt;
  std::uint8_t* const frame = inner - sizeof(net::EthernetHeader);
  net::EthernetHeader ethernet{};
  ethernet.type = *inner >> 4 == 6 ? net::kEtherIpv6 : net::kEtherIpv4;
  std::memcpy(frame, &ethernet, sizeof ethernet);
  const std::size_t frame_bytes = sizeof ethernet + bytes;
  net::ParsedPacket packet;
  const fl_reason reason =
      net::parse_packet({frame, frame_bytes}, static_cast<std::uint32_t>(frame_bytes), packet);
  const auto is = [&packet](net::IpProto p) {
    return packet.tuple.protocol == static_cast<std::uint8_t>(p);
  };
  if (reason != FL_REASON_NONE || packet.kind != net::PacketKind::kFlow ||
      !(is(net::IpProto::kTcp) || is(net::IpProto::kUdp)))
    return std::nullopt;
  return packet;
}

std::span<const std::uint8_t> wrap(
    std::uint8_t* inner,
    const net::ParsedPacket& packet,
    const Envelope& envelope,
    const Origin& origin,
    std::uint16_t id
) {
  const std::uint64_t hash = steer::tuple_hash(origin.hash_key.data(), packet.tuple);
  const net::Tunnel tunnel{
      .source = origin.outer(envelope.backend.family)->bytes.data(),
      .destination = envelope.backend.bytes.data(),
      .inner_bytes = packet.ip_bytes,
      .hash = hash,
      .family = number(envelope.backend.family),
      .inner_family = packet.tuple.family,
      .traffic_class = packet.traffic_class,
  };
  std::uint8_t* const outer = envelope.encapsulation == model::Encapsulation::kGue
                                  ? net::write_gue(inner, tunnel)
                                  : net::write_ipip(inner, tunnel);
  const auto outer_bytes = static_cast<std::uint32_t>(inner - outer);
  const std::uint32_t bytes = outer_bytes + packet.ip_bytes;
  if (!origin.policy.usual())
    net::change_outer(outer, bytes, origin.policy, {hash, id, outer_bytes});
  return {outer, bytes};
}

}  // namespace fairlead::health
