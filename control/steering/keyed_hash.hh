// SPDX-License-Identifier: BSD-3-Clause
// SipHash-1-3 of a byte string under the fleet's key: the identity of names in tables and digests.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "dataplane/steer/flow_hash.h"

namespace fairlead::steering {

using HashKey = std::array<std::uint64_t, 2>;

/// The same function as the flow hash, for any length (see docs/steering.md, section 2).
inline std::uint64_t keyed_hash(const HashKey& key, std::string_view text) {
  FL_SIP_BEGIN(key);
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    FL_SIP_ABSORB(v0, v1, v2, v3, word);
  }
  std::uint64_t last = std::uint64_t{text.size()} << 56;
  std::uint64_t rest = 0;
  std::memcpy(&rest, text.data() + at, text.size() - at);
  last |= rest;
  FL_SIP_ABSORB(v0, v1, v2, v3, last);
  FL_SIP_END();
}

}  // namespace fairlead::steering
