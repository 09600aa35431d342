// SPDX-License-Identifier: BSD-3-Clause
// Builds and reads ARP, neighbour solicitations and advertisements.
#include "dataplane/neighbour_wire.hh"

#include <algorithm>
#include <cstring>

namespace fairlead::dataplane {
namespace {

using Bytes = std::span<const std::uint8_t>;
using net::Family;
using net::IpAddr;
using net::MacAddr;

constexpr std::size_t kEthernet = 14;
constexpr std::size_t kArp = kEthernet + 28;
constexpr std::size_t kIp6 = 40;
constexpr std::size_t kNd = 32;  // solicitation or advertisement with one link-layer option
constexpr std::uint8_t kSolicitation = 135;
constexpr std::uint8_t kAdvertisement = 136;
constexpr std::uint8_t kSourceOption = 1;
constexpr std::uint8_t kTargetOption = 2;
constexpr MacAddr kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

std::uint16_t get16(Bytes b, std::size_t at) {
  return static_cast<std::uint16_t>(b[at] << 8 | b[at + 1]);
}

void put16(Frame& f, std::size_t at, unsigned value) {
  f.bytes[at] = static_cast<std::uint8_t>(value >> 8);
  f.bytes[at + 1] = static_cast<std::uint8_t>(value);
}

void put(Frame& f, std::size_t at, const std::uint8_t* from, std::size_t count) {
  std::memcpy(f.bytes.data() + at, from, count);
}

MacAddr mac_at(Bytes b, std::size_t at) {
  MacAddr mac;
  std::memcpy(mac.bytes.data(), b.data() + at, 6);
  return mac;
}

IpAddr ip_at(Bytes b, std::size_t at, Family family) {
  IpAddr ip;
  ip.family = family;
  std::memcpy(ip.bytes.data(), b.data() + at, family == Family::kIpv4 ? 4 : 16);
  return ip;
}

void ethernet(Frame& f, const MacAddr& to, const MacAddr& from, unsigned type) {
  put(f, 0, to.bytes.data(), 6);
  put(f, 6, from.bytes.data(), 6);
  put16(f, 12, type);
}

Frame arp(
    unsigned operation, const OwnAddresses& own, const Neighbour& to, const MacAddr& wire_to
) {
  Frame f;
  ethernet(f, wire_to, own.mac, 0x0806);
  put16(f, 14, 1);
  put16(f, 16, 0x0800);
  f.bytes[18] = 6;
  f.bytes[19] = 4;
  put16(f, 20, operation);
  put(f, 22, own.mac.bytes.data(), 6);
  put(f, 28, own.v4->bytes.data(), 4);
  put(f, 32, to.mac.bytes.data(), 6);
  put(f, 38, to.address.bytes.data(), 4);
  f.size = 60;  // padded with zeros to the shortest legal frame
  return f;
}

// ICMPv6 checksum over the pseudo header and `length` bytes behind the IPv6 header.
std::uint16_t icmp6_checksum(Bytes packet, std::size_t ip, std::size_t length) {
  std::uint32_t sum = static_cast<std::uint32_t>(length) + 58;
  for (std::size_t i = 8; i < kIp6; i += 2) sum += get16(packet, ip + i);
  for (std::size_t i = 0; i + 1 < length; i += 2) sum += get16(packet, ip + kIp6 + i);
  if (length % 2 != 0) sum += static_cast<std::uint32_t>(packet[ip + kIp6 + length - 1] << 8);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

Frame nd(
    std::uint8_t type,
    const OwnAddresses& own,
    const MacAddr& wire_to,
    const IpAddr& to,
    const IpAddr& target
) {
  Frame f;
  ethernet(f, wire_to, own.mac, 0x86dd);
  f.bytes[14] = 0x60;
  put16(f, 18, kNd);
  f.bytes[20] = 58;
  f.bytes[21] = 255;
  put(f, 22, own.v6->bytes.data(), 16);
  put(f, 38, to.bytes.data(), 16);
  const std::size_t icmp = kEthernet + kIp6;
  f.bytes[icmp] = type;
  if (type == kAdvertisement) f.bytes[icmp + 4] = 0x60;  // solicited, override
  put(f, icmp + 8, target.bytes.data(), 16);
  f.bytes[icmp + 24] = type == kAdvertisement ? kTargetOption : kSourceOption;
  f.bytes[icmp + 25] = 1;
  put(f, icmp + 26, own.mac.bytes.data(), 6);
  f.size = icmp + kNd;
  put16(f, icmp + 2, icmp6_checksum(f.view(), kEthernet, kNd));
  return f;
}

// ff02::1:ffXX:XXXX and its multicast MAC (RFC 4291 section 2.7.1, RFC 2464 section 7).
IpAddr solicited_node(const IpAddr& target) {
  IpAddr group;
  group.family = Family::kIpv6;
  group.bytes = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
  std::copy(target.bytes.begin() + 13, target.bytes.end(), group.bytes.begin() + 13);
  return group;
}

MacAddr multicast_mac(const IpAddr& group) {
  return {{0x33, 0x33, group.bytes[12], group.bytes[13], group.bytes[14], group.bytes[15]}};
}

Heard hear_arp(Bytes frame, const OwnAddresses& own) {
  Heard heard;
  if (frame.size() < kArp || get16(frame, 16) != 0x0800 || frame[18] != 6 || frame[19] != 4) {
    return heard;
  }
  const unsigned operation = get16(frame, 20);
  const Neighbour sender{ip_at(frame, 28, Family::kIpv4), mac_at(frame, 22)};
  const bool for_us = own.v4 && ip_at(frame, 38, Family::kIpv4) == *own.v4;
  if (!for_us || operation < 1 || operation > 2 || sender.mac.is_zero()) return heard;
  if (sender.address != IpAddr{}) heard.neighbour = sender;  // 0.0.0.0: a probe (RFC 5227)
  if (operation == 1) heard.answer = arp(2, own, sender, sender.mac);
  return heard;
}

// The MAC in the first option of `kind`, if the options are well formed.
std::optional<MacAddr> link_option(Bytes options, std::uint8_t kind) {
  std::size_t at = 0;
  while (at + 8 <= options.size()) {
    const std::size_t length = options[at + 1] * std::size_t{8};
    if (length == 0) return std::nullopt;
    if (options[at] == kind && length == 8) return mac_at(options, at + 2);
    at += length;
  }
  return std::nullopt;
}

Heard hear_nd(Bytes frame, const OwnAddresses& own) {
  Heard heard;
  const std::size_t icmp = kEthernet + kIp6;
  const std::size_t length = get16(frame, 18);
  if (!own.v6 || length < 24 || frame.size() < icmp + length || frame[21] != 255) return heard;
  if (frame[icmp + 1] != 0 || icmp6_checksum(frame, kEthernet, length) != 0) return heard;
  const IpAddr source = ip_at(frame, 22, Family::kIpv6);
  const IpAddr target = ip_at(frame, icmp + 8, Family::kIpv6);
  const Bytes options = frame.subspan(icmp + 24, length - 24);
  if (frame[icmp] == kSolicitation && target == *own.v6) {
    const auto mac = link_option(options, kSourceOption).value_or(mac_at(frame, 6));
    if (source == IpAddr{{}, Family::kIpv6}) return heard;  // address detection: we are not asked
    heard.neighbour = Neighbour{source, mac};
    heard.answer = nd(kAdvertisement, own, mac, source, target);
  } else if (frame[icmp] == kAdvertisement) {
    if (const auto mac = link_option(options, kTargetOption)) {
      heard.neighbour = Neighbour{target, *mac};
    }
  }
  return heard;
}

}  // namespace

bool is_neighbour_message(Bytes frame) {
  if (frame.size() < kEthernet) return false;
  if (get16(frame, 12) == 0x0806) return true;
  return get16(frame, 12) == 0x86dd && frame.size() > kEthernet + kIp6 && frame[20] == 58 &&
         frame[kEthernet + kIp6] >= 133 && frame[kEthernet + kIp6] <= 136;
}

Heard hear(Bytes frame, const OwnAddresses& own) {
  if (!is_neighbour_message(frame)) return {};
  return get16(frame, 12) == 0x0806 ? hear_arp(frame, own) : hear_nd(frame, own);
}

std::optional<Frame> ask(const IpAddr& target, const OwnAddresses& own) {
  if (target.is_v4()) {
    if (!own.v4) return std::nullopt;
    return arp(1, own, Neighbour{target, {}}, kBroadcast);
  }
  if (!own.v6) return std::nullopt;
  const IpAddr group = solicited_node(target);
  return nd(kSolicitation, own, multicast_mac(group), group, target);
}

}  // namespace fairlead::dataplane
