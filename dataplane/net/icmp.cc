// SPDX-License-Identifier: BSD-3-Clause
// ICMP messages from zero headers.
#include "dataplane/net/icmp.hh"

#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.hh"
#include "dataplane/net/five_tuple.hh"

namespace fairlead::net {
namespace {

constexpr std::uint8_t kTtl = 64;
// Network control (RFC 1812 4.3.2.5 asks for precedence 6 or 7).
constexpr std::uint8_t kErrorClass = 0xc0;
constexpr auto kIcmp = static_cast<std::uint8_t>(IpProto::kIcmp);
constexpr auto kIcmpv6 = static_cast<std::uint8_t>(IpProto::kIcmpv6);

/// As much of the packet as fits, in whole words, so that the checksum needs no odd end.
std::uint32_t quoted(std::uint32_t readable, unsigned headers, unsigned largest) {
  return std::min<std::uint32_t>(readable, largest - headers) & ~3U;
}

void put_mtu(IcmpHeader& icmp, std::uint32_t mtu) {
  const be32 raw = be32::from_host(mtu);
  std::memcpy(icmp.rest, &raw, sizeof raw);
}

/// Sum of the pseudo header of RFC 8200 8.1.
std::uint64_t pseudo_header6(const Ipv6Header& ip, std::uint32_t bytes) {
  return sum_words(ip.source, 16) + sum_words(ip.destination, 16) + be32::from_host(bytes).raw() +
         be32::from_host(kIcmpv6).raw();
}

unsigned write_too_big4(std::uint8_t* packet, std::uint32_t readable, const TooBig& message) {
  constexpr unsigned kHeaders = too_big_bytes(4);
  const std::uint32_t bytes = quoted(readable, kHeaders, kLargestIcmp4Error) + kHeaders;
  auto* const ip = write_as<Ipv4Header>(packet - kHeaders);
  auto* const icmp = write_as<IcmpHeader>(packet - sizeof(IcmpHeader));
  std::uint8_t to[4];
  std::memcpy(to, write_as<Ipv4Header>(packet)->source, sizeof to);
  *ip = Ipv4Header{};
  ip->version_ihl = 0x45;
  ip->tos = kErrorClass;
  ip->total_length = be16::from_host(static_cast<std::uint16_t>(bytes));
  ip->fragment = kIpv4DontFragment;
  ip->ttl = kTtl;
  ip->protocol = kIcmp;
  std::memcpy(ip->source, message.source, sizeof ip->source);
  std::memcpy(ip->destination, to, sizeof to);
  const auto* at = reinterpret_cast<const std::uint8_t*>(ip);
  ip->checksum = be16::from_raw(ipv4_checksum(at, sizeof *ip));
  *icmp = IcmpHeader{};
  icmp->type = kIcmpUnreachable;
  icmp->code = kIcmpFragmentationNeeded;
  put_mtu(*icmp, std::min(message.mtu, 0xffffU));
  const std::uint64_t sum = sum_words(packet - sizeof *icmp, bytes - sizeof *ip);
  icmp->checksum = be16::from_raw(static_cast<std::uint16_t>(~fold_sum(sum)));
  return bytes;
}

unsigned write_too_big6(std::uint8_t* packet, std::uint32_t readable, const TooBig& message) {
  constexpr unsigned kHeaders = too_big_bytes(6);
  const std::uint32_t bytes = quoted(readable, kHeaders, kLargestIcmp6Error) + kHeaders;
  auto* const ip = write_as<Ipv6Header>(packet - kHeaders);
  auto* const icmp = write_as<IcmpHeader>(packet - sizeof(IcmpHeader));
  std::uint8_t to[16];
  std::memcpy(to, write_as<Ipv6Header>(packet)->source, sizeof to);
  const auto body = bytes - static_cast<std::uint32_t>(sizeof *ip);
  *ip = Ipv6Header{};
  ip->version_class_label = be32::from_host(6U << 28 | std::uint32_t{kErrorClass} << 20);
  ip->payload_length = be16::from_host(static_cast<std::uint16_t>(body));
  ip->next_header = kIcmpv6;
  ip->hop_limit = kTtl;
  std::memcpy(ip->source, message.source, sizeof ip->source);
  std::memcpy(ip->destination, to, sizeof to);
  *icmp = IcmpHeader{};
  icmp->type = kIcmp6TooBig;
  put_mtu(*icmp, message.mtu);
  const std::uint64_t sum = sum_words(packet - sizeof *icmp, body) + pseudo_header6(*ip, body);
  icmp->checksum = be16::from_raw(static_cast<std::uint16_t>(~fold_sum(sum)));
  return bytes;
}

/// Type and code share a word with nothing else that changes.
void become_reply(IcmpHeader* icmp, std::uint8_t type) {
  std::uint16_t before;
  std::memcpy(&before, icmp, sizeof before);
  icmp->type = type;
  std::uint16_t after;
  std::memcpy(&after, icmp, sizeof after);
  icmp->checksum = be16::from_raw(checksum_update(icmp->checksum.raw(), before, after));
}

}  // namespace

unsigned write_too_big(std::uint8_t* packet, std::uint32_t readable, const TooBig& message) {
  return message.family == 6 ? write_too_big6(packet, readable, message)
                             : write_too_big4(packet, readable, message);
}

void write_echo_reply(std::uint8_t* packet, std::uint8_t family) {
  if (family == 6) {
    auto* const ip = write_as<Ipv6Header>(packet);
    const std::uint32_t dscp = ip->traffic_class() & 0xfcU;
    ip->version_class_label = be32::from_host(6U << 28 | dscp << 20);
    ip->hop_limit = kTtl;
    std::swap_ranges(ip->source, ip->source + 16, ip->destination);
    become_reply(write_as<IcmpHeader>(packet + sizeof *ip), kIcmp6EchoReply);
    return;
  }
  auto* const ip = write_as<Ipv4Header>(packet);
  ip->tos &= 0xfc;
  ip->fragment = be16::from_raw(0);
  ip->ttl = kTtl;
  std::swap_ranges(ip->source, ip->source + 4, ip->destination);
  ip->checksum = be16::from_raw(0);
  ip->checksum = be16::from_raw(ipv4_checksum(packet, sizeof *ip));
  become_reply(write_as<IcmpHeader>(packet + sizeof *ip), kIcmpEchoReply);
}

std::uint8_t* write_ethernet_back(
    std::uint8_t* l3, const std::uint8_t* frame, unsigned vlan_tags, const MacAddr& own
) {
  const std::size_t bytes = sizeof(EthernetHeader) + vlan_tags * sizeof(VlanTag);
  std::uint8_t* const at = l3 - bytes;
  std::memmove(at, frame, bytes);
  std::memcpy(at, at + 6, 6);
  std::memcpy(at + 6, own.bytes.data(), 6);
  return at;
}

}  // namespace fairlead::net
