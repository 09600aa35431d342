// SPDX-License-Identifier: BSD-3-Clause
// Text forms of addresses, by the C library's own parsers.
#include "dataplane/net/addr.hh"

#include <charconv>
#include <cstdio>

#include <arpa/inet.h>

namespace fairlead::net {

std::optional<IpAddr> IpAddr::parse(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  const std::string owned(text);
  IpAddr a;
  if (inet_pton(AF_INET, owned.c_str(), a.bytes.data()) == 1) {
    a.family = Family::kIpv4;
    return a;
  }
  if (inet_pton(AF_INET6, owned.c_str(), a.bytes.data()) == 1) {
    a.family = Family::kIpv6;
    return a;
  }
  return std::nullopt;
}

std::string IpAddr::to_string() const {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
  return text;
}

IpAddr IpAddr::masked(int prefix_bits) const {
  IpAddr out = *this;
  for (int i = 0; i < 16; ++i) {
    const int keep = prefix_bits - i * 8;
    if (keep >= 8) continue;
    const unsigned mask = keep <= 0 ? 0U : 0xffU << (8 - keep);
    out.bytes[static_cast<std::size_t>(i)] &= static_cast<std::uint8_t>(mask);
  }
  return out;
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = IpAddr::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return Prefix{*address, address->bits()};
  int length = -1;
  const auto digits = text.substr(slash + 1);
  if (digits.size() > 1 && digits[0] == '0') return std::nullopt;  // "/032": octal or not?
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  if (length < 0 || length > address->bits()) return std::nullopt;
  return Prefix{address->masked(length), length};
}

std::string Prefix::to_string() const {
  const std::string text = address.to_string();
  return length == address.bits() ? text : text + "/" + std::to_string(length);
}

std::optional<MacAddr> MacAddr::parse(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  MacAddr mac;
  for (std::size_t i = 0; i < 6; ++i) {
    const char* at = text.data() + i * 3;
    const auto [end, error] = std::from_chars(at, at + 2, mac.bytes[i], 16);
    if (error != std::errc{} || end != at + 2) return std::nullopt;
    if (i < 5 && at[2] != ':' && at[2] != '-') return std::nullopt;
  }
  return mac;
}

std::string MacAddr::to_string() const {
  char text[18];
  std::snprintf(
      text,
      sizeof text,
      "%02x:%02x:%02x:%02x:%02x:%02x",
      bytes[0],
      bytes[1],
      bytes[2],
      bytes[3],
      bytes[4],
      bytes[5]
  );
  return text;
}

}  // namespace fairlead::net
