// SPDX-License-Identifier: BSD-3-Clause
// What names a flow: addresses, ports, protocol, as raw words from the wire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/net/addr.hh"
#include "dataplane/net/be.hh"

namespace fairlead::net {

/// Words hold the bytes as they lie on the wire, so that hashing and comparing need no conversion.
/// An IPv4 address is the low half of word 0; the rest is zero.
struct FiveTuple {
  std::uint64_t source[2] = {};
  std::uint64_t destination[2] = {};
  std::uint32_t ports_raw = 0;  // source port first, as read from the packet
  std::uint8_t protocol = 0;
  std::uint8_t family = 0;  // 4 or 6; 0: none
  std::uint8_t reserved[2] = {};

  /// The 8 bytes of an IPv4 pair, for fl_flow_hash4.
  [[nodiscard]] std::uint64_t addresses4() const { return source[0] | destination[0] << 32; }
  /// Ports (low half), protocol (byte 4) and family (byte 5) as one word.
  [[nodiscard]] std::uint64_t tail_word() const {
    std::uint64_t word;
    std::memcpy(
        &word,
        reinterpret_cast<const std::byte*>(this) + offsetof(FiveTuple, ports_raw),
        sizeof word
    );
    return word;
  }
  [[nodiscard]] std::uint16_t source_port() const {
    return be16::from_raw(static_cast<std::uint16_t>(ports_raw)).host();
  }
  [[nodiscard]] std::uint16_t destination_port_raw() const {
    return static_cast<std::uint16_t>(ports_raw >> 16);
  }
  [[nodiscard]] std::uint16_t destination_port() const {
    return be16::from_raw(destination_port_raw()).host();
  }
  [[nodiscard]] IpAddr source_address() const { return address(source); }
  [[nodiscard]] IpAddr destination_address() const { return address(destination); }
  friend bool operator==(const FiveTuple&, const FiveTuple&) = default;

 private:
  [[nodiscard]] IpAddr address(const std::uint64_t (&words)[2]) const {
    IpAddr out;
    out.family = family == 6 ? Family::kIpv6 : Family::kIpv4;
    std::memcpy(out.bytes.data(), words, sizeof words);
    return out;
  }
};
static_assert(sizeof(FiveTuple) == 40);

/// From text values, for tests, lookups and tools.
[[nodiscard]] inline FiveTuple make_tuple(
    IpProto protocol,
    const IpAddr& source,
    std::uint16_t source_port,
    const IpAddr& destination,
    std::uint16_t destination_port
) {
  FiveTuple out;
  std::memcpy(out.source, source.bytes.data(), sizeof out.source);
  std::memcpy(out.destination, destination.bytes.data(), sizeof out.destination);
  out.ports_raw = std::uint32_t{be16::from_host(source_port).raw()} |
                  std::uint32_t{be16::from_host(destination_port).raw()} << 16;
  out.protocol = static_cast<std::uint8_t>(protocol);
  out.family = static_cast<std::uint8_t>(source.family);
  return out;
}

}  // namespace fairlead::net
