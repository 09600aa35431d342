// SPDX-License-Identifier: BSD-3-Clause
// Field by field; the checksums last.
#include "dataplane/net/outer_policy.hh"

#include <cstring>
#include <optional>

#include "dataplane/net/checksum.hh"
#include "dataplane/net/five_tuple.hh"
#include "dataplane/net/wire.hh"

namespace fairlead::net {
namespace {

constexpr auto kTcp = static_cast<std::uint8_t>(IpProto::kTcp);
constexpr auto kUdp = static_cast<std::uint8_t>(IpProto::kUdp);

/// The flow's bits for a source of `bits` free low bits: other bits of the hash than those that
/// choose the UDP port, so that the two add up.
std::uint64_t entropy(std::uint64_t hash, unsigned bits) {
  const std::uint64_t mixed = hash ^ hash >> 32;
  return bits >= 64 ? mixed : (mixed >> 3) & ((std::uint64_t{1} << bits) - 1);
}

std::uint8_t class_of(std::uint8_t written, std::uint8_t dscp) {
  if (dscp == kDscpInner) return written;
  return static_cast<std::uint8_t>(dscp << 2 | (written & 3U));  // ECN stays (RFC 6040)
}

/// Whether the packet inside, if IPv4, may be fragmented.
bool inner_has_df(const std::uint8_t* inner) {
  if (*inner >> 4 != 4) return true;  // IPv6 is never fragmented on the way
  const auto* ip = header_at<Ipv4Header>(inner);
  return (ip->fragment.raw() & kIpv4DontFragment.raw()) != 0;
}

bool change4(Ipv4Header* ip, const OuterPolicy& policy, const OuterChange& change) {
  ip->tos = class_of(ip->tos, policy.dscp);
  ip->ttl = policy.ttl;
  const std::uint8_t* const inner = reinterpret_cast<std::uint8_t*>(ip) + change.outer_bytes;
  const bool clear = policy.df_clear || (policy.df_inner && !inner_has_df(inner));
  if (clear) {
    ip->fragment = be16::from_raw(0);
    ip->id = be16::from_host(change.id);
  }
  if (policy.entropy4 != 0) {
    const be32 bits =
        be32::from_host(static_cast<std::uint32_t>(entropy(change.hash, policy.entropy4)));
    const std::uint32_t source = load32(ip->source) | bits.raw();
    std::memcpy(ip->source, &source, sizeof source);
  }
  ip->checksum = be16::from_raw(0);
  ip->checksum =
      be16::from_raw(ipv4_checksum(reinterpret_cast<const std::uint8_t*>(ip), sizeof *ip));
  return clear;
}

void change6(Ipv6Header* ip, const OuterPolicy& policy, const OuterChange& change) {
  const std::uint32_t word = ip->version_class_label.host();
  const std::uint32_t written = word >> 20 & 0xffU;
  const std::uint32_t wanted = class_of(static_cast<std::uint8_t>(written), policy.dscp);
  ip->version_class_label = be32::from_host((word & ~(0xffU << 20)) | wanted << 20);
  ip->hop_limit = policy.ttl;
  if (policy.entropy6 == 0) return;
  const be64 bits = be64::from_host(entropy(change.hash, policy.entropy6));
  const std::uint64_t low = load64(ip->source + 8) | bits.raw();
  std::memcpy(ip->source + 8, &low, sizeof low);
}

std::uint64_t pseudo_header(
    const std::uint8_t* addresses, std::size_t address_bytes, std::uint8_t protocol, unsigned bytes
) {
  return sum_words(addresses, 2 * address_bytes) + be32::from_host(protocol).raw() +
         be32::from_host(bytes).raw();
}

/// Sum of the transport header and payload, which is what their checksum makes it: minus the sum of
/// the pseudo header. nullopt where there is no such checksum.
std::optional<std::uint64_t> sum_of_l4(
    const std::uint8_t* l4, std::uint8_t protocol, unsigned bytes, std::uint64_t pseudo
) {
  if (protocol != kTcp && protocol != kUdp) return std::nullopt;
  if (protocol == kUdp) {
    const auto* udp = header_at<UdpHeader>(l4);
    if (udp->checksum.raw() == 0 || udp->length.host() != bytes) return std::nullopt;
  }
  return static_cast<std::uint16_t>(~fold_sum(pseudo));
}

/// Sum of the whole inner packet, of which `readable` bytes can be read, all of its IP header at
/// least.
std::optional<std::uint64_t> sum_of_inner(const std::uint8_t* inner, std::uint32_t readable) {
  if (*inner >> 4 == 4) {
    const auto* ip = header_at<Ipv4Header>(inner);
    if (readable < ip->header_bytes() + sizeof(UdpHeader)) return std::nullopt;
    if ((ip->fragment.raw() & kIpv4FragmentMask.raw()) != 0) return std::nullopt;
    const unsigned bytes = ip->total_length.host() - ip->header_bytes();
    // A header with a right checksum adds nothing (RFC 1071).
    return sum_of_l4(
        inner + ip->header_bytes(),
        ip->protocol,
        bytes,
        pseudo_header(ip->source, 4, ip->protocol, bytes)
    );
  }
  const auto* ip = header_at<Ipv6Header>(inner);
  if (readable < sizeof *ip + sizeof(UdpHeader)) return std::nullopt;
  const unsigned bytes = ip->payload_length.host();
  const auto l4 = sum_of_l4(
      inner + sizeof *ip,
      ip->next_header,
      bytes,
      pseudo_header(ip->source, 16, ip->next_header, bytes)
  );
  if (!l4) return std::nullopt;
  return *l4 + sum_words(inner, sizeof *ip);
}

void write_udp_checksum(std::uint8_t* outer, std::uint32_t readable, const OuterChange& change) {
  const bool six = *outer >> 4 == 6;
  const unsigned ip_bytes = six ? sizeof(Ipv6Header) : sizeof(Ipv4Header);
  const std::uint8_t protocol =
      six ? header_at<Ipv6Header>(outer)->next_header : header_at<Ipv4Header>(outer)->protocol;
  if (protocol != kUdp) return;
  const std::uint8_t* const inner = outer + change.outer_bytes;
  const auto inside = sum_of_inner(inner, readable - change.outer_bytes);
  if (!inside) return;
  auto* const udp = write_as<UdpHeader>(outer + ip_bytes);
  const std::uint8_t* const addresses =
      six ? header_at<Ipv6Header>(outer)->source : header_at<Ipv4Header>(outer)->source;
  std::uint64_t sum = pseudo_header(addresses, six ? 16 : 4, kUdp, udp->length.host());
  sum += sum_words(outer + ip_bytes, change.outer_bytes - ip_bytes) + *inside;
  const auto checksum = static_cast<std::uint16_t>(~fold_sum(sum));
  udp->checksum = be16::from_raw(checksum == 0 ? 0xffff : checksum);  // 0 would mean: none
}

}  // namespace

bool change_outer(
    std::uint8_t* outer,
    std::uint32_t readable,
    const OuterPolicy& policy,
    const OuterChange& change
) {
  bool id_used = false;
  if (*outer >> 4 == 6) {
    change6(write_as<Ipv6Header>(outer), policy, change);
  } else {
    id_used = change4(write_as<Ipv4Header>(outer), policy, change);
  }
  if (policy.udp_checksum) write_udp_checksum(outer, readable, change);
  return id_used;
}

}  // namespace fairlead::net
