// SPDX-License-Identifier: BSD-3-Clause
// Clocks and socket addresses as the lab programs need them.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <time.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "dataplane/net/addr.hh"
#include "tests/lab/http.hh"

namespace fairlead::lab {

inline std::int64_t clock_ns(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}
inline std::int64_t monotonic_ns() {
  return clock_ns(CLOCK_MONOTONIC);
}

/// CLOCK_REALTIME microseconds of a monotonic time.
inline std::int64_t realtime_us(std::int64_t monotonic) {
  return (clock_ns(CLOCK_REALTIME) - (monotonic_ns() - monotonic)) / 1000;
}

struct Endpoint {
  net::IpAddr address;
  std::uint16_t port = 0;

  /// "192.0.2.1:80" or "[2001:db8::1]:80".
  static std::optional<Endpoint> parse(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
      host = host.substr(1, host.size() - 2);
    }
    const auto address = net::IpAddr::parse(host);
    const auto port = number<std::uint16_t>(text.substr(colon + 1));
    if (!address || !port) return std::nullopt;
    return Endpoint{*address, *port};
  }

  /// Fills a socket address; returns its length.
  socklen_t fill(sockaddr_storage& storage) const {
    storage = {};
    if (address.is_v4()) {
      sockaddr_in v4{};
      v4.sin_family = AF_INET;
      v4.sin_port = htons(port);
      std::memcpy(&v4.sin_addr, address.bytes.data(), 4);
      std::memcpy(&storage, &v4, sizeof v4);
      return sizeof v4;
    }
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.bytes.data(), 16);
    std::memcpy(&storage, &v6, sizeof v6);
    return sizeof v6;
  }
};

}  // namespace fairlead::lab
