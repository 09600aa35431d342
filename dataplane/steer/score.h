/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// The score by which a new flow's candidates are compared: the workers, the gate's eBPF program,
/// control and the simulator compute it by this one function.
#ifndef FAIRLEAD_STEER_SCORE_H
#define FAIRLEAD_STEER_SCORE_H

#include "dataplane/steer/abi.h"

/// Requests that a member serves at once without queueing, 0: unknown. Its place is a byte that
/// banks without it have as 0, so planes and control of either age work with each other.
static inline uint32_t fl_member_parallel(const struct fl_member* member) {
  return member->reserved0[0];
}
static inline void fl_set_member_parallel(struct fl_member* member, uint32_t parallel) {
  member->reserved0[0] = parallel < 255u ? (uint8_t)parallel : 255u;
}

/// The score of a backend that would have `n` requests with the new one: its predicted finishing
/// time, in units that all backends share. The smallest wins, the earlier candidate on a tie.
///
/// With c = `parallel` known, n requests of a backend finish about as if there were max(n, c) of
/// them: while a core is free a request takes what the core takes, and the faster core is better
/// however many of its sisters work. Below c a third of the slope stays, max(n, (n + 2c) / 3), so
/// that equal backends share evenly and a count that is late still counts; measured against 1/4,
/// 1/2 and 1 in docs/policies.md. c = 0: n / weight, the shortest expected delay.
static inline uint64_t fl_score_value(uint64_t n, uint32_t parallel, uint64_t inverse_weight) {
  const uint64_t queued = 3 * n;
  const uint64_t served = n + 2 * (uint64_t)parallel;
  return (queued > served ? queued : served) * inverse_weight;
}

/// Whether the last of `n` requests waits for another one: no core is free; unknown how many there
/// are: it is not alone.
static inline int fl_waits(uint64_t n, uint32_t parallel) {
  return n > (parallel > 1u ? parallel : 1u);
}

#endif
