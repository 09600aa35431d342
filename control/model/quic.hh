// SPDX-License-Identifier: BSD-3-Clause
// The server ids of a QUIC vip's backends.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "control/model/model.hh"

namespace fairlead::model {

/// What a backend's connection ids hold in a configuration: its `server_id`, if that has this
/// length, else the last `bytes` bytes of its address (zeros in front of a shorter one), which the
/// backend knows without being told.
inline std::vector<std::uint8_t> server_id(const Backend& backend, std::uint8_t bytes) {
  if (backend.server_id.size() == bytes) return backend.server_id;
  const std::size_t known = backend.address.is_v4() ? 4 : 16;
  const std::size_t used = std::min<std::size_t>(bytes, known);
  std::vector<std::uint8_t> id(bytes, 0);
  const auto end = backend.address.bytes.begin() + static_cast<std::ptrdiff_t>(known);
  std::copy(
      end - static_cast<std::ptrdiff_t>(used), end, id.end() - static_cast<std::ptrdiff_t>(used)
  );
  return id;
}

/// Two backends with one server id.
struct ServerIdClash {
  std::size_t first = 0;  // positions in vip.backends
  std::size_t second = 0;
  QuicConfig config;
};

/// The first clash of a vip, or nothing.
inline std::optional<ServerIdClash> server_id_clash(const Vip& vip) {
  for (const QuicConfig& config : vip.quic) {
    std::map<std::vector<std::uint8_t>, std::size_t> seen;
    for (std::size_t i = 0; i < vip.backends.size(); ++i) {
      const auto [at, fresh] =
          seen.try_emplace(server_id(vip.backends[i], config.server_id_bytes), i);
      if (!fresh) return ServerIdClash{at->second, i, config};
    }
  }
  return std::nullopt;
}

}  // namespace fairlead::model
