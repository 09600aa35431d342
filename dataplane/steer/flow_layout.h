/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// The layout of flow tables, and what is counted about them: a part of steer/abi.h, which includes
/// it. Include that.
#ifndef FAIRLEAD_STEER_FLOW_LAYOUT_H
#define FAIRLEAD_STEER_FLOW_LAYOUT_H

#include <stdint.h>

/// What happens to flow entries besides being found and inserted: one list for counters, CLI,
/// metrics and docs. X(enumerator, name, what an operator should know). The first 15, up to
/// HANDED_OVER, take an entry out of the table: inserts + inherited = entries + their sum, for each
/// worker and each vip. Evictions and expiries are in the order of enum fl_flow_state.
#define FL_FLOW_EVENTS(X)                                                                 \
  X(EVICTED_NEW, evicted_new, "half-open, gave way to a new flow")                        \
  X(EVICTED_CONFIRMED, evicted_confirmed, "always 0: confirmed flows give way to nobody") \
  X(EVICTED_CLOSING, evicted_closing, "after FIN, gave way to a new flow")                \
  X(EVICTED_RESET, evicted_reset, "after RST, gave way to a new flow")                    \
  X(EVICTED_ADOPTED, evicted_adopted, "adopted in mid-life, gave way to a new flow")      \
  X(EVICTED_EXPIRED, evicted_expired, "idle beyond its limit, its place was taken")       \
  X(EXPIRED_NEW, expired_new, "half-open, idle beyond its limit")                         \
  X(EXPIRED_CONFIRMED, expired_confirmed, "confirmed, idle beyond its limit")             \
  X(EXPIRED_CLOSING, expired_closing, "after FIN, idle beyond its limit")                 \
  X(EXPIRED_RESET, expired_reset, "after RST, idle beyond its limit")                     \
  X(EXPIRED_ADOPTED, expired_adopted, "adopted in mid-life, idle beyond its limit")       \
  X(REUSED, reused, "a new connection on an ended or idle flow: decided anew")            \
  X(REROUTED, rerouted, "its backend is down, gone or does not answer: decided anew")     \
  X(FLUSHED, flushed, "by order of an operator")                                          \
  X(HANDED_OVER, handed_over, "another worker gets its packets now and has inherited it") \
  X(INHERITED, inherited, "taken over from another worker's table; these are no inserts") \
  X(ADOPTED, adopted, "TCP flows entered in mid-life; they count as inserts too")         \
  X(FLOOD, flood, "packets of unknown flows, not entered: more new flows than the limit") \
  X(STATELESS, stateless, "packets of vips that do not track flows")
enum fl_flow_event {
#define FL_EVENT_ENUM(id, name, text) FL_EVENT_##id,
  FL_FLOW_EVENTS(FL_EVENT_ENUM)
#undef FL_EVENT_ENUM
      FL_EVENT_COUNT,
};

/* ---- flows.N: one table per worker ---------------------------------------------------------- */

#define FL_FLOW_ENTRIES 8u

/// docs/data-path.md has the transitions.
enum fl_flow_state {
  FL_FLOW_EMPTY = 0,
  FL_FLOW_NEW = 1,       /* half-open: SYN seen; UDP: one packet */
  FL_FLOW_CONFIRMED = 2, /* handshake completed, or second UDP packet */
  FL_FLOW_CLOSING = 3,   /* the client's FIN seen */
  FL_FLOW_RESET = 4,     /* the client's RST seen, nothing after it */
  FL_FLOW_ADOPTED = 5,   /* TCP in mid-life that nobody knew here */
  FL_FLOW_STATES = 6,
};

/// A bucket is one cache line. Entry i is (tag[i], entry[i], seen[i]).
///   tag    16 bits of the flow hash
///   entry  bits 0-18 member number, 19-21 enum fl_flow_state, 22-29 eight more bits of the hash,
///          30 the entry lies in its flow's second bucket, 31 a bit of the bucket's overflow count
///   seen   time of the last packet in ticks of FL_FLOW_TICK_NS, modulo 2^16 (wraps after 4.5 h);
///          of a confirmed flow written only if it is FL_SEEN_STEP or more behind
/// A flow's home bucket is fl_flow_bucket_of(); where that is full, the entry lies in the second
/// bucket, fl_flow_second_bucket(), which is computed from what the entry stores, so an entry can
/// change places without its tuple. The overflow count (bits 31 of entries 0..7, 0 the lowest)
/// says how many flows whose home this is lie in their second buckets: only if it is not 0 does a
/// lookup that finds nothing here touch a second line. At 255 it stays.
/// An entry stands for a flow by 24 bits of its hash besides the bucket number. A false match needs
/// the same vip (the member's vip is compared), so it can only give a new flow to a backend of
/// its own pool: probability at most 8 * 2^-24 = 5e-7 per new flow in a full bucket, twice that
/// where a second bucket is read.
struct FL_LINE_ALIGNED fl_flow_bucket {
  uint16_t tag[FL_FLOW_ENTRIES];
  uint32_t entry[FL_FLOW_ENTRIES];
  uint16_t seen[FL_FLOW_ENTRIES];
};
FL_ONE_LINE(fl_flow_bucket);
#define FL_FLOW_MEMBER_MASK 0x7ffffu
#define FL_FLOW_STATE_SHIFT 19u
#define FL_FLOW_STATE_MASK (7u << FL_FLOW_STATE_SHIFT)
#define FL_FLOW_EXTRA_SHIFT 22u
#define FL_FLOW_EXTRA_MASK (0xffu << FL_FLOW_EXTRA_SHIFT)
#define FL_FLOW_SECOND (1u << 30)
#define FL_FLOW_COUNT_BIT (1u << 31)
#define FL_FLOW_TICK_NS 250000000ull
/// A confirmed flow's `seen` is up to FL_SEEN_STEP - 1 ticks late, and its time-out that much
/// longer: none ends early. Else nearly every packet of a large table would dirty its line, which
/// costs memory bandwidth (docs/performance.md).
#define FL_SEEN_STEP 8u
/// An entry's time may be ahead of who reads it: the gate's clock is up to 4 ms late, and a worker
/// that was stopped ends its turn with the time at which that began. So far ahead it counts as now.
/// Limits are at most 65000 ticks, so this is no age that an entry reaches.
#define FL_TICKS_AHEAD 256u

/// Ticks since an entry's last packet.
static inline uint16_t fl_flow_idle(uint16_t now, uint16_t seen) {
  const uint16_t age = (uint16_t)(now - seen);
  return age >= 65536u - FL_TICKS_AHEAD ? 0 : age;
}
/// A packet at `now` is to be noted in an entry whose time is written every `step` ticks.
static inline int fl_flow_is_due(uint16_t now, uint16_t seen, uint16_t step) {
  return (uint16_t)(now - seen - step) < 65536u - FL_TICKS_AHEAD - step;
}

#endif
