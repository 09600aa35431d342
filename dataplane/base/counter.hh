// SPDX-License-Identifier: BSD-3-Clause
// Differences of counters that only rise.
#pragma once

#include <cstdint>

namespace fairlead::base {

/// What a counter has counted since it said `then`. One that says less was begun anew by who keeps
/// it (a device that was reset, a page that was made again): all that it says has come since.
constexpr std::uint64_t since(std::uint64_t now, std::uint64_t then) {
  return now >= then ? now - then : now;
}

}  // namespace fairlead::base
