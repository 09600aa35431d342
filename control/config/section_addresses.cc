// SPDX-License-Identifier: BSD-3-Clause
// Typed reading of addresses, prefixes, interfaces and listeners.
#include "control/config/section.hh"
#include "control/config/units.hh"

namespace fairlead::config {
namespace {

bool is_unicast(const net::IpAddr& address) {
  const auto first = address.bytes[0];
  if (address.is_v4()) return first != 0 && first < 224;
  return first != 0xff && address != net::IpAddr{{}, net::Family::kIpv6};
}

// ::ffff:203.0.113.10: no packet ever carries it.
bool is_mapped(const net::IpAddr& address) {
  static const net::Prefix kMapped = net::Prefix::parse("::ffff:0:0/96").value_or(net::Prefix{});
  return kMapped.contains(address);
}

// fe80::1 means another host on every link, so a tunnel has no way to it.
bool is_link_local(const net::IpAddr& address) {
  return !address.is_v4() && address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
}

}  // namespace

bool is_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  const auto port = parse_whole(text.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) return false;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = net::IpAddr::parse(host);
  return address && address->is_v4() != bracketed;
}

std::optional<net::IpAddr> Section::address(std::string_view key) const {
  record(key, {.kind = KeyKind::kText});
  const auto raw = scalar(key, "an IPv4 or IPv6 address");
  if (!raw) return std::nullopt;
  const auto value = net::IpAddr::parse(*raw);
  if (!value) refuse(key, *raw, "is not an address, use IPv4 or IPv6 digits (no host name)");
  if (value && !is_unicast(*value)) refuse(key, *raw, "is not of one host, use a unicast address");
  if (value && is_mapped(*value)) refuse(key, *raw, "is IPv4 in the clothes of IPv6, write IPv4");
  return value;
}

std::optional<net::IpAddr> Section::routed_address(std::string_view key) const {
  const auto value = address(key);
  if (value && is_link_local(*value)) {
    refuse(key, value->to_string(), "is link-local, use an address that routers know");
  }
  return value;
}

std::optional<net::Prefix> Section::prefix(std::string_view key) const {
  record(key, {.kind = KeyKind::kText});
  const auto raw = scalar(key, "an IPv4 or IPv6 address or prefix");
  if (!raw) return std::nullopt;
  const auto value = net::Prefix::parse(*raw);
  if (!value) {
    refuse(
        key, *raw, "is not an address or prefix, use for example 203.0.113.10 or 203.0.113.0/28"
    );
    return std::nullopt;
  }
  if (net::IpAddr::parse(raw->substr(0, raw->find('/'))) != value->address) {
    refuse(key, *raw, "has address bits beyond its length, write " + value->to_string());
  }
  return value;
}

std::optional<net::Prefix> Section::vip(std::string_view key) const {
  const auto value = prefix(key);
  if (!value) return std::nullopt;
  const net::IpAddr& a = value->address;
  const bool loopback =
      a.is_v4() ? a.bytes[0] == 127 : a == net::IpAddr::parse("::1").value_or(net::IpAddr{});
  if (!is_unicast(a) || loopback || is_link_local(a) || is_mapped(a)) {
    refuse(key, value->to_string(), "is nothing that clients can call, use unicast addresses");
  }
  return value;
}

std::optional<net::MacAddr> Section::mac(std::string_view key) const {
  record(key, {.kind = KeyKind::kText, .pattern = "^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$"});
  const auto raw = scalar(key, "a MAC address in quotes");
  if (!raw) return std::nullopt;
  const auto value = net::MacAddr::parse(*raw);
  if (!value) {
    refuse(key, *raw, "is not a MAC address, use for example \"02:00:00:00:00:01\"");
    return std::nullopt;
  }
  if ((value->bytes[0] & 1U) != 0 || value->is_zero()) {
    refuse(key, *raw, "is a multicast or zero MAC address, use the neighbour's own");
    return std::nullopt;
  }
  return value;
}

std::string Section::interface(std::string_view key) const {
  const std::string name = text(key, "");
  if (name.size() > 15 || name.find_first_of("/ ") != std::string::npos || name == "." ||
      name == "..") {
    refuse(key, name, "is no interface name (at most 15 characters); see: ip link");
  }
  return name;
}

std::string Section::listen(std::string_view key, std::string fallback) const {
  record(
      key,
      {.kind = KeyKind::kText,
       .fallback = fallback.empty() ? "off" : fallback,
       .pattern = "^(off|.+:[0-9]+)$"}
  );
  const auto raw = scalar(key, "ADDRESS:PORT or off");
  if (!raw) return fallback;
  if (*raw == "off") return "";
  if (is_endpoint(*raw)) return *raw;
  refuse(key, *raw, "is not ADDRESS:PORT, use for example 127.0.0.1:9101, \"[::1]:9101\" or off");
  return fallback;
}

}  // namespace fairlead::config
