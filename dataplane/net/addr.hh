// SPDX-License-Identifier: BSD-3-Clause
// Addresses as values: parse from text, format to text, compare, mask.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fairlead::net {

enum class Family : std::uint8_t { kIpv4 = 4, kIpv6 = 6 };

enum class IpProto : std::uint8_t {
  kHopByHop = 0,
  kIcmp = 1,
  kIpip = 4,
  kTcp = 6,
  kUdp = 17,
  kIpv6 = 41,
  kRouting = 43,
  kFragment = 44,
  kIcmpv6 = 58,
  kNone = 59,
  kDestination = 60,
};

/// As a header has them.
inline constexpr std::uint8_t kProtoTcp = static_cast<std::uint8_t>(IpProto::kTcp);
inline constexpr std::uint8_t kProtoUdp = static_cast<std::uint8_t>(IpProto::kUdp);

/// An IPv4 or IPv6 address in network byte order. An IPv4 address uses the first four bytes and
/// leaves the rest zero, which is also its form in steer/abi.h.
struct IpAddr {
  std::array<std::uint8_t, 16> bytes{};
  Family family = Family::kIpv4;

  static std::optional<IpAddr> parse(std::string_view text);
  static IpAddr v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    return IpAddr{{a, b, c, d}, Family::kIpv4};
  }
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] bool is_v4() const { return family == Family::kIpv4; }
  [[nodiscard]] int bits() const { return is_v4() ? 32 : 128; }
  /// The address with all but the first `prefix_bits` bits cleared.
  [[nodiscard]] IpAddr masked(int prefix_bits) const;
  friend auto operator<=>(const IpAddr&, const IpAddr&) = default;
};

/// "203.0.113.0/28"; a bare address is a prefix of full length.
struct Prefix {
  IpAddr address;
  int length = 32;

  static std::optional<Prefix> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] bool contains(const IpAddr& a) const {
    return a.family == address.family && a.masked(length) == address;
  }
  friend auto operator<=>(const Prefix&, const Prefix&) = default;
};

struct MacAddr {
  std::array<std::uint8_t, 6> bytes{};

  static std::optional<MacAddr> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] bool is_zero() const { return bytes == std::array<std::uint8_t, 6>{}; }
  friend auto operator<=>(const MacAddr&, const MacAddr&) = default;
};

}  // namespace fairlead::net
