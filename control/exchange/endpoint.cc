// SPDX-License-Identifier: BSD-3-Clause
// Taking an endpoint apart.
#include "control/exchange/endpoint.hh"

#include <charconv>
#include <cstring>

#include <netinet/in.h>

#include "dataplane/net/addr.hh"

namespace fairlead::exchange {

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), port);
  if (error != std::errc() || end != digits.end()) return std::nullopt;
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = net::IpAddr::parse(host);
  if (!address || address->is_v4() == bracketed) return std::nullopt;
  Endpoint out;
  if (address->is_v4()) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    std::memcpy(&at.sin_addr, address->bytes.data(), 4);
    std::memcpy(&out.address, &at, sizeof at);
    out.size = sizeof at;
  } else {
    sockaddr_in6 at{};
    at.sin6_family = AF_INET6;
    at.sin6_port = htons(port);
    std::memcpy(&at.sin6_addr, address->bytes.data(), 16);
    std::memcpy(&out.address, &at, sizeof at);
    out.size = sizeof at;
  }
  return out;
}

}  // namespace fairlead::exchange
