// SPDX-License-Identifier: BSD-3-Clause
// Addresses as the socket calls want them.
#pragma once

#include <cstdint>
#include <cstring>

#include <netinet/in.h>
#include <sys/socket.h>

#include "dataplane/net/addr.hh"

namespace fairlead::health {

/// A sockaddr for an address and a port (host order).
class SocketAddress {
 public:
  SocketAddress(const net::IpAddr& address, std::uint16_t port) {
    if (address.is_v4()) {
      auto& v4 = reinterpret_cast<sockaddr_in&>(storage_);
      v4.sin_family = AF_INET;
      v4.sin_port = htons(port);
      std::memcpy(&v4.sin_addr, address.bytes.data(), 4);
      size_ = sizeof v4;
    } else {
      auto& v6 = reinterpret_cast<sockaddr_in6&>(storage_);
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(port);
      std::memcpy(&v6.sin6_addr, address.bytes.data(), 16);
      size_ = sizeof v6;
    }
  }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  [[nodiscard]] socklen_t size() const { return size_; }

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

inline int domain_of(const net::IpAddr& address) {
  return address.is_v4() ? AF_INET : AF_INET6;
}

}  // namespace fairlead::health
