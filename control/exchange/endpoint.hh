// SPDX-License-Identifier: BSD-3-Clause
// "ADDRESS:PORT" and "[ADDRESS6]:PORT" as socket addresses.
#pragma once

#include <optional>
#include <string_view>

#include <sys/socket.h>

namespace fairlead::exchange {

struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;
  /// Nullopt: no address or no port. Names are not looked up.
  static std::optional<Endpoint> parse(std::string_view text);
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

}  // namespace fairlead::exchange
