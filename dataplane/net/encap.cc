// SPDX-License-Identifier: BSD-3-Clause
// Writing outer headers.
#include "dataplane/net/encap.hh"

#include <bit>
#include <cstring>

#include "dataplane/net/checksum.hh"

namespace fairlead::net {
namespace {

static_assert(std::endian::native == std::endian::little);

void store32(std::uint8_t* at, std::uint32_t word) {
  std::memcpy(at, &word, sizeof word);
}

constexpr std::uint8_t number(IpProto protocol) {
  return static_cast<std::uint8_t>(protocol);
}

std::uint8_t inner_protocol(const Tunnel& tunnel) {
  return number(tunnel.inner_family == 6 ? IpProto::kIpv6 : IpProto::kIpip);
}

/// Five 32-bit words in the byte order of the packet (host is little-endian). The checksum is
/// summed from the values, not read back: loads across fresh narrow stores would stall.
std::uint8_t* write_ipv4(
    std::uint8_t* payload, const Tunnel& tunnel, std::uint8_t protocol, std::uint32_t payload_bytes
) {
  const auto total = static_cast<std::uint16_t>(payload_bytes + sizeof(Ipv4Header));
  const std::uint32_t words[3] = {
      0x45U | std::uint32_t{tunnel.traffic_class} << 8 |
          std::uint32_t{be16::from_host(total).raw()} << 16,
      std::uint32_t{kIpv4DontFragment.raw()} << 16,  // id 0
      kOuterTtl | std::uint32_t{protocol} << 8,
  };
  const std::uint32_t source = load32(tunnel.source);
  const std::uint32_t destination = load32(tunnel.destination);
  const std::uint64_t sum = std::uint64_t{words[0]} + words[1] + words[2] + source + destination;
  const auto checksum = static_cast<std::uint16_t>(~fold_sum(sum));
  std::uint8_t* const at = payload - sizeof(Ipv4Header);
  store32(at, words[0]);
  store32(at + 4, words[1]);
  store32(at + 8, words[2] | std::uint32_t{checksum} << 16);
  store32(at + 12, source);
  store32(at + 16, destination);
  return at;
}

std::uint8_t* write_ipv6(
    std::uint8_t* payload, const Tunnel& tunnel, std::uint8_t protocol, std::uint32_t payload_bytes
) {
  std::uint8_t* const at = payload - sizeof(Ipv6Header);
  auto* const ip = write_as<Ipv6Header>(at);
  ip->version_class_label = be32::from_host(
      6U << 28 | std::uint32_t{tunnel.traffic_class} << 20 | fl_outer_flow_label(tunnel.hash)
  );
  ip->payload_length = be16::from_host(static_cast<std::uint16_t>(payload_bytes));
  ip->next_header = protocol;
  ip->hop_limit = kOuterTtl;
  std::memcpy(ip->source, tunnel.source, 16);
  std::memcpy(ip->destination, tunnel.destination, 16);
  return at;
}

std::uint8_t* write_ip(
    std::uint8_t* payload, const Tunnel& tunnel, std::uint8_t protocol, std::uint32_t payload_bytes
) {
  return tunnel.family == 6 ? write_ipv6(payload, tunnel, protocol, payload_bytes)
                            : write_ipv4(payload, tunnel, protocol, payload_bytes);
}

}  // namespace

std::uint8_t* write_ipip(std::uint8_t* inner, const Tunnel& tunnel) {
  return write_ip(inner, tunnel, inner_protocol(tunnel), tunnel.inner_bytes);
}

std::uint8_t* write_gue(
    std::uint8_t* inner, const Tunnel& tunnel, std::span<const std::uint32_t> hops
) {
  std::uint8_t* at = inner;
  std::uint8_t words = 0;
  if (tunnel.family == 4) {
    at -= hops.size_bytes();
    for (std::size_t i = 0; i < hops.size(); ++i)
      std::memcpy(at + i * FL_GUE_HOP_BYTES, &hops[i], FL_GUE_HOP_BYTES);
    at -= sizeof(fl_gue_hops);
    *write_as<fl_gue_hops>(at) = fl_gue_hops{{0, 0}, 0, static_cast<std::uint8_t>(hops.size())};
    words = static_cast<std::uint8_t>(1 + hops.size());
  }
  at -= sizeof(fl_gue_header);
  *write_as<fl_gue_header>(at) = fl_gue_header{words, inner_protocol(tunnel), {0, 0}};
  at -= sizeof(UdpHeader);
  const auto udp_bytes = static_cast<std::uint32_t>(inner - at) + tunnel.inner_bytes;
  *write_as<UdpHeader>(at) = UdpHeader{
      be16::from_host(fl_gue_source_port(tunnel.hash)),
      be16::from_host(FL_GUE_PORT),
      be16::from_host(static_cast<std::uint16_t>(udp_bytes)),
      be16::from_raw(0),
  };
  return write_ip(at, tunnel, number(IpProto::kUdp), udp_bytes);
}

}  // namespace fairlead::net
