// SPDX-License-Identifier: BSD-3-Clause
// Header layouts as on the wire: packed, alignment 1, network byte order by type.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "dataplane/net/addr.hh"
#include "dataplane/net/be.hh"

namespace fairlead::net {

/// What may be laid over packet bytes: no alignment, no constructors, no surprises.
template <typename T>
concept WireType = std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T> &&
                   alignof(T) == 1;

/// The header at `offset`, or nullptr if it does not lie wholly inside `bytes`. The only place
/// where packet bytes become a header type.
template <WireType T>
[[nodiscard]] inline const T* view_as(std::span<const std::uint8_t> bytes, std::size_t offset = 0) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return nullptr;
  return reinterpret_cast<const T*>(bytes.data() + offset);
}

/// The same over memory that is known to be large enough (a header that was parsed, headroom that
/// was checked).
template <WireType T>
[[nodiscard]] inline T* write_as(std::uint8_t* at) {
  return reinterpret_cast<T*>(at);
}

template <WireType T>
[[nodiscard]] inline const T* header_at(const std::uint8_t* at) {
  return reinterpret_cast<const T*>(at);
}

/// Unaligned loads of raw words, for addresses and checksums.
[[nodiscard]] inline std::uint32_t load32(const std::uint8_t* at) {
  std::uint32_t word;
  __builtin_memcpy(&word, at, sizeof word);
  return word;
}
[[nodiscard]] inline std::uint64_t load64(const std::uint8_t* at) {
  std::uint64_t word;
  __builtin_memcpy(&word, at, sizeof word);
  return word;
}

inline constexpr be16 kEtherIpv4 = be16::from_host(0x0800);
inline constexpr be16 kEtherArp = be16::from_host(0x0806);
inline constexpr be16 kEtherVlan = be16::from_host(0x8100);
inline constexpr be16 kEtherIpv6 = be16::from_host(0x86dd);
inline constexpr be16 kEtherQinq = be16::from_host(0x88a8);

struct [[gnu::packed]] EthernetHeader {
  std::uint8_t destination[6];
  std::uint8_t source[6];
  be16 type;
};
static_assert(WireType<EthernetHeader> && sizeof(EthernetHeader) == 14);

struct [[gnu::packed]] VlanTag {
  be16 control;  // priority and VLAN id
  be16 type;     // ethertype of what follows
};
static_assert(WireType<VlanTag> && sizeof(VlanTag) == 4);

struct [[gnu::packed]] Ipv4Header {
  std::uint8_t version_ihl;
  std::uint8_t tos;
  be16 total_length;
  be16 id;
  be16 fragment;  // flags and offset
  std::uint8_t ttl;
  std::uint8_t protocol;
  be16 checksum;
  std::uint8_t source[4];
  std::uint8_t destination[4];

  [[nodiscard]] unsigned version() const { return version_ihl >> 4; }
  [[nodiscard]] unsigned header_bytes() const { return (version_ihl & 0x0fU) * 4U; }
};
static_assert(WireType<Ipv4Header> && sizeof(Ipv4Header) == 20);
inline constexpr be16 kIpv4DontFragment = be16::from_host(0x4000);
inline constexpr be16 kIpv4FragmentMask = be16::from_host(0x3fff);  // more fragments, offset

struct [[gnu::packed]] Ipv6Header {
  be32 version_class_label;
  be16 payload_length;
  std::uint8_t next_header;
  std::uint8_t hop_limit;
  std::uint8_t source[16];
  std::uint8_t destination[16];

  [[nodiscard]] unsigned version() const { return version_class_label.host() >> 28; }
  [[nodiscard]] std::uint8_t traffic_class() const {
    return static_cast<std::uint8_t>(version_class_label.host() >> 20);
  }
};
static_assert(WireType<Ipv6Header> && sizeof(Ipv6Header) == 40);

/// The first eight bytes of every IPv6 extension header (RFC 6564); for Fragment, `fragment` holds
/// offset and the more-fragments bit.
struct [[gnu::packed]] Ipv6Extension {
  std::uint8_t next_header;
  std::uint8_t length;
  be16 fragment;
  std::uint8_t rest[4];
};
static_assert(WireType<Ipv6Extension> && sizeof(Ipv6Extension) == 8);
inline constexpr be16 kIpv6FragmentMask = be16::from_host(0xfff9);
inline constexpr std::uint8_t kIpAuthentication = 51;  // counts its length in words of 4 bytes

struct [[gnu::packed]] TcpHeader {
  be16 source_port;
  be16 destination_port;
  be32 sequence;
  be32 acknowledgement;
  std::uint8_t data_offset;
  std::uint8_t flags;
  be16 window;
  be16 checksum;
  be16 urgent;

  [[nodiscard]] unsigned header_bytes() const { return (data_offset >> 4) * 4U; }
};
static_assert(WireType<TcpHeader> && sizeof(TcpHeader) == 20);

inline constexpr std::uint8_t kTcpFin = 0x01;
inline constexpr std::uint8_t kTcpSyn = 0x02;
inline constexpr std::uint8_t kTcpRst = 0x04;
inline constexpr std::uint8_t kTcpPsh = 0x08;
inline constexpr std::uint8_t kTcpAck = 0x10;

/// Of ICMP and ICMPv6; for errors `rest` is unused or a value such as an MTU.
struct [[gnu::packed]] IcmpHeader {
  std::uint8_t type;
  std::uint8_t code;
  be16 checksum;
  std::uint8_t rest[4];
};
static_assert(WireType<IcmpHeader> && sizeof(IcmpHeader) == 8);

struct [[gnu::packed]] UdpHeader {
  be16 source_port;
  be16 destination_port;
  be16 length;
  be16 checksum;
};
static_assert(WireType<UdpHeader> && sizeof(UdpHeader) == 8);

}  // namespace fairlead::net
