// SPDX-License-Identifier: BSD-3-Clause
// Sources at which no flow may begin. Only packets without a known flow are asked: a flow from such
// a source never becomes known.
#pragma once

#include <cstdint>

#include "dataplane/path/burst.hh"
#include "dataplane/path/context.hh"

namespace fairlead::path {

/// A source that holds on its link alone and is not forwarded (RFC 3927 2.7, RFC 4291 2.5.6).
/// `low`: its first bytes as on the wire.
[[nodiscard]] inline bool is_link_local(std::uint64_t low, std::uint8_t family) {
  if (family == 4) return (low & 0xffffU) == 0xfea9;  // 169.254/16
  return (low & 0xc0ffU) == 0x80fe;                   // fe80::/10
}

/// Whether no flow may begin at packet i's source: link-local, or some vip's address. Nobody is a
/// client there: a forged datagram from one vip to another would set two services on each other,
/// each answering the other's answers.
[[nodiscard]] inline bool is_no_client(
    const WorkerContext& context, const Burst& burst, unsigned i
) {
  const bool four = (burst.plain.v4 >> i & 1U) != 0;
  const bool six = (burst.plain.v6 >> i & 1U) != 0;
  const net::FiveTuple& tuple = burst.parsed[i].tuple;
  std::uint64_t low = tuple.source[0];
  std::uint64_t high = tuple.source[1];
  std::uint8_t family = tuple.family;
  if (four) {
    low = burst.plain.tuple4[0][i] & 0xffffffffU;
    high = 0;
    family = 4;
  } else if (six) {
    low = burst.plain.tuple6[0][i];
    high = burst.plain.tuple6[1][i];
    family = 6;
  }
  return is_link_local(low, family) || context.table.has_address(low, high, family);
}

}  // namespace fairlead::path
