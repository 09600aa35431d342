// SPDX-License-Identifier: BSD-3-Clause
// Writing and reading struct fl_flow_order, so that nobody carries out half of one order and half
// of the next: "this one flow" and "all flows of that backend" have "all flows" between them.
#pragma once

#include <cstdint>

#include "dataplane/steer/abi.h"

namespace fairlead::steer {

/// In an order's `sequence` while its other fields are being written.
inline constexpr std::uint64_t kOrderBeingWritten = std::uint64_t{1} << 63;

/// The number of the order at `at`, complete or not; 0: none yet.
[[nodiscard]] inline std::uint64_t order_number(const fl_flow_order& at) {
  return __atomic_load_n(&at.sequence, __ATOMIC_ACQUIRE) & ~kOrderBeingWritten;
}

/// Puts `next` in the place of the order at `at`; returns its number, which is the next one. One
/// writer. If it dies in here nobody carries the order out, and the next write takes its place.
inline std::uint64_t write_order(fl_flow_order& at, const fl_flow_order& next) {
  const std::uint64_t number = order_number(at) + 1;
  __atomic_store_n(&at.sequence, number | kOrderBeingWritten, __ATOMIC_RELAXED);
  // Each behind the store before it: who sees one of these sees that they are being written.
  __atomic_store_n(&at.hash, next.hash, __ATOMIC_RELEASE);
  __atomic_store_n(&at.one_flow, next.one_flow, __ATOMIC_RELEASE);
  __atomic_store_n(&at.vip, next.vip, __ATOMIC_RELEASE);
  __atomic_store_n(&at.backend, next.backend, __ATOMIC_RELEASE);
  __atomic_store_n(&at.per_second, next.per_second, __ATOMIC_RELEASE);
  __atomic_store_n(&at.sequence, number, __ATOMIC_RELEASE);
  return number;
}

/// Copies the order whose `sequence` was just read (acquire). False: it is being written, or was
/// replaced meanwhile; `out` is void then, and the caller comes again.
[[nodiscard]] inline bool read_order(
    const fl_flow_order& at, std::uint64_t sequence, fl_flow_order& out
) {
  if ((sequence & kOrderBeingWritten) != 0) return false;
  out.sequence = sequence;
  out.hash = __atomic_load_n(&at.hash, __ATOMIC_ACQUIRE);
  out.one_flow = __atomic_load_n(&at.one_flow, __ATOMIC_ACQUIRE);
  out.vip = __atomic_load_n(&at.vip, __ATOMIC_ACQUIRE);
  out.backend = __atomic_load_n(&at.backend, __ATOMIC_ACQUIRE);
  out.per_second = __atomic_load_n(&at.per_second, __ATOMIC_ACQUIRE);
  return __atomic_load_n(&at.sequence, __ATOMIC_RELAXED) == sequence;
}

}  // namespace fairlead::steer
