/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// The flow table (flow/flow_table.hh) and the flow's state machine (path/flow_state.hh) for the
/// gate: the same entries in the same memory, written only while the gate owns the queue.
///
/// What it does not do: move entries to their other bucket to make room, and sweep. Expired entries
/// go when an insert meets them; the data plane does the rest when it returns.
#ifndef FAIRLEAD_EBPF_GATE_FLOW_H
#define FAIRLEAD_EBPF_GATE_FLOW_H

#include "ebpf/include/gate_known.h"

#define FL_OVERFLOW_STUCK 255u

static __always_inline void fl_add_overflow(const struct fl_work* w, __u32 bucket, int by) {
  struct fl_flow_bucket* const b = fl_bucket(w, bucket);
  if (!b) return;
  const __u32 count = fl_overflow_count(b);
  if (count == FL_OVERFLOW_STUCK) return;
  const __u32 changed = count + (__u32)by;
#pragma unroll
  for (int i = 0; i < (int)FL_FLOW_ENTRIES; i++)
    b->entry[i] = (b->entry[i] & ~FL_FLOW_COUNT_BIT) | ((changed >> i & 1u) << 31);
}

/// A counter of a vip on this queue's page, by its offset in fl_vip_counters.
static __always_inline void fl_add_of_vip(const struct fl_work* w, __u32 vip, __u32 offset) {
  const __u32 lines = sizeof(struct fl_vip_counters) / FL_LINE_BYTES;
  const __u32 first = w->page + FL_PAGE_LINE(vips) + (vip & (FL_MAX_VIPS - 1)) * lines;
  __u64* line = fl_line(&fl_worker_lines, first + offset / FL_LINE_BYTES);
  if (!line) return;
  FL_KEEP(line);
  line[offset / 8 % 8]++;
}
#define FL_ADD_OF_VIP(w, vip, field) fl_add_of_vip(w, vip, offsetof(struct fl_vip_counters, field))

/// One event of a flow of this vip number; `event` is an enum fl_flow_event.
static __always_inline void fl_count_event(const struct fl_work* w, __u32 vip, __u32 event) {
  FL_ADD(w->page, flow_events[event % FL_EVENT_COUNT], 1);
  FL_ADD_OF_VIP(w, vip, events[event % FL_EVENT_COUNT]);
}
static __always_inline __u32 fl_eviction_of(__u32 word) {
  return FL_EVENT_EVICTED_NEW + (fl_state_of(word) - FL_FLOW_NEW) % (FL_FLOW_STATES - 1);
}

/// A flow of this member has ended for the reason `event`; an open one leaves the count in flight.
static __always_inline void fl_note_ended(const struct fl_work* w, __u32 word, __u32 event) {
  const struct fl_member* const member = fl_member_of(w, word & FL_FLOW_MEMBER_MASK);
  if (!member) {
    FL_ADD(w->page, flow_events[event % FL_EVENT_COUNT], 1);
    return;
  }
  fl_count_event(w, member->vip, event);
  if (!fl_is_open(word)) return;
  struct fl_backend_counters* const b = fl_backend(w->page, member->backend);
  if (b && b->in_flight) b->in_flight--;
}

/// Frees an entry and its books; `event` says why.
__attribute__((noinline)) int fl_erase(const struct fl_work* w, __u32 at, __u32 event) {
  if (!w) return 0;
  const __u32 bucket = at / FL_FLOW_ENTRIES;
  const __u32 i = at % FL_FLOW_ENTRIES;
  struct fl_flow_bucket* const b = fl_bucket(w, bucket);
  if (!b) return 0;
  const __u32 word = b->entry[i];
  fl_note_ended(w, word, event);
  const __u32 extra = (word & FL_FLOW_EXTRA_MASK) >> FL_FLOW_EXTRA_SHIFT;
  const __u16 tag = b->tag[i];
  b->entry[i] = word & FL_FLOW_COUNT_BIT;
  if (word & FL_FLOW_SECOND)
    fl_add_overflow(w, fl_flow_second_bucket(bucket, tag, extra, w->bucket_mask), -1);
  FL_ADD(w->page, flows, -1);
  return 0;
}

/// A place in a bucket for a new entry, -1: none. Free ones first, then expired ones.
static __always_inline int fl_place_in(
    const struct fl_work* w, const struct fl_flow_bucket* b, __u32 bucket, __u16 now
) {
#pragma unroll
  for (int i = 0; i < (int)FL_FLOW_ENTRIES; i++)
    if (!(b->entry[i] & FL_FLOW_STATE_MASK)) return i;
#pragma unroll
  for (__u32 i = 0; i < FL_FLOW_ENTRIES; i++) {
    const __u16 age = fl_flow_idle(now, b->seen[i]);
    if (age > fl_idle_limit(w, b->entry[i])) {
      fl_erase(w, bucket * FL_FLOW_ENTRIES + i, FL_EVENT_EVICTED_EXPIRED);
      return (int)i;
    }
  }
  return -1;
}

/// The entry of a bucket that gives way: a reset one, else the longest idle one that is not
/// confirmed; -1: none.
static __always_inline int fl_evictable(const struct fl_flow_bucket* b, __u16 now) {
  int oldest = -1;
  __u32 highest = 0;
  for (__u32 i = 0; i < FL_FLOW_ENTRIES; i++) {
    const __u32 state = fl_state_of(b->entry[i]);
    const __u32 rank = fl_flow_idle(now, b->seen[i]) + (state == FL_FLOW_RESET ? 1u << 16 : 0);
    if (state == FL_FLOW_CONFIRMED || (oldest >= 0 && rank <= highest)) continue;
    oldest = (int)i;
    highest = rank;
  }
  return oldest;
}

/// Enters the flow with w->member in `state`. 1: done; 0: no room.
__attribute__((noinline)) int fl_enter(const struct fl_work* w, __u32 state, __u32 may_evict) {
  if (!w) return 0;
  const __u32 home = fl_flow_bucket_of(w->hash, w->bucket_mask);
  const __u16 tag = fl_flow_tag(w->hash);
  const __u32 extra = fl_flow_extra(w->hash);
  const __u16 now = fl_tick(w->now);
  __u32 bucket = home;
  struct fl_flow_bucket* b = fl_bucket(w, bucket);
  if (!b) return 0;
  int at = fl_place_in(w, b, bucket, now);
  if (at < 0) {
    bucket = fl_flow_second_bucket(home, tag, extra, w->bucket_mask);
    b = fl_bucket(w, bucket);
    if (!b) return 0;
    at = fl_place_in(w, b, bucket, now);
    if (at < 0 && may_evict) {
      at = fl_evictable(b, now);
      if (at >= 0) {
        const __u32 word = b->entry[(__u32)at & 7u];
        fl_erase(w, bucket * FL_FLOW_ENTRIES + (__u32)at, fl_eviction_of(word));
      }
    }
    if (at < 0) {
      FL_ADD(w->page, flow_inserts_refused, 1);
      FL_ADD_OF_VIP(w, w->vip, inserts_refused);
      return 0;
    }
  }
  const __u32 i = (__u32)at & 7u;
  b->tag[i] = tag;
  b->seen[i] = now;
  b->entry[i] = (b->entry[i] & FL_FLOW_COUNT_BIT) | (w->member & FL_FLOW_MEMBER_MASK) |
                state << FL_FLOW_STATE_SHIFT | extra << FL_FLOW_EXTRA_SHIFT |
                (bucket == home ? 0 : FL_FLOW_SECOND);
  if (bucket != home) fl_add_overflow(w, home, +1);
  FL_ADD(w->page, flow_inserts, 1);
  FL_ADD_OF_VIP(w, w->vip, inserts);
  FL_ADD(w->page, flows, 1);
  return 1;
}

enum fl_hit { FL_KEPT, FL_RELEASED, FL_FOREIGN };

static __always_inline int fl_is_plain_syn(__u8 flags) {
  return (flags & (FL_TCP_SYN | FL_TCP_ACK)) == FL_TCP_SYN;
}

static __always_inline __u32 fl_with_state(__u32 word, __u32 state) {
  return (word & ~FL_FLOW_STATE_MASK) | state << FL_FLOW_STATE_SHIFT;
}

/// What a segment says about its connection (path/flow_state.cc).
enum fl_says { FL_SAYS_SYN, FL_SAYS_RST, FL_SAYS_FIN, FL_SAYS_ACK, FL_SAYS_NOTHING };

static __always_inline int fl_what_it_says(__u8 flags) {
  if (fl_is_plain_syn(flags)) return FL_SAYS_SYN;
  if (flags & FL_TCP_RST) return FL_SAYS_RST;
  if (flags & FL_TCP_FIN) return FL_SAYS_FIN;
  return (flags & (FL_TCP_ACK | FL_TCP_SYN)) == FL_TCP_ACK ? FL_SAYS_ACK : FL_SAYS_NOTHING;
}

/// What becomes of an entry. `state` 0: released for the reason `event`. Not `seen`: not even
/// touched.
struct fl_fate {
  __u32 state;
  __u32 event;
  int seen;
};

/// An ACK so long after an RST, in ticks, shows that the client lives.
#define FL_TICKS_TO_REVIVE 2u

static __always_inline struct fl_fate fl_tcp_on_new(
    struct fl_work* w, struct fl_backend_counters* backend, int says
) {
  struct fl_fate fate = {FL_FLOW_NEW, 0, 1};
  if (says == FL_SAYS_SYN) {
    if (fl_standing_of(backend, w->now) != FL_GOOD) {
      w->retried = 1;
      fate.state = 0;
      fate.event = FL_EVENT_REROUTED;
      return fate;
    }
    fl_note_syn(backend, w->now);
  }
  if (says == FL_SAYS_RST) fate.state = FL_FLOW_RESET;
  if (says == FL_SAYS_FIN) fate.state = FL_FLOW_CLOSING;
  if (says == FL_SAYS_ACK) fate.state = FL_FLOW_CONFIRMED;
  if (says == FL_SAYS_FIN || says == FL_SAYS_ACK) fl_note_handshake(backend);
  return fate;
}

static __always_inline struct fl_fate fl_tcp_on_confirmed(int says, int expired) {
  struct fl_fate fate = {FL_FLOW_CONFIRMED, 0, 1};
  if (says == FL_SAYS_SYN) {
    // A live flow stays where it is; a spoofed SYN does not even keep it alive.
    fate.seen = 0;
    if (expired) fate.state = 0;
    fate.event = FL_EVENT_REUSED;
  }
  if (says == FL_SAYS_RST) fate.state = FL_FLOW_RESET;
  if (says == FL_SAYS_FIN) fate.state = FL_FLOW_CLOSING;
  return fate;
}

/// Closing, reset or adopted: not in flight, and a SYN is a new connection.
static __always_inline struct fl_fate fl_tcp_on_others(__u32 state, int says, __u16 idle) {
  struct fl_fate fate = {state, 0, says == FL_SAYS_FIN || says == FL_SAYS_ACK};
  if (says == FL_SAYS_SYN) {
    fate.state = 0;
    fate.event = FL_EVENT_REUSED;
  }
  if (says == FL_SAYS_FIN) fate.state = FL_FLOW_CLOSING;
  if (says == FL_SAYS_ACK && state == FL_FLOW_RESET) {
    if (idle >= FL_TICKS_TO_REVIVE)
      fate.state = FL_FLOW_CONFIRMED;
    else
      fate.seen = 0;
  }
  return fate;
}

/// Applies the packet to the entry at `at`; an enum fl_hit. The diagram is in docs/data-path.md.
__attribute__((noinline)) int fl_apply(struct fl_work* w, __u32 at) {
  if (!w) return FL_FOREIGN;
  const __u32 i = at % FL_FLOW_ENTRIES;
  struct fl_flow_bucket* const b = fl_bucket(w, at / FL_FLOW_ENTRIES);
  if (!b) return FL_FOREIGN;
  const __u32 word = b->entry[i];
  const __u32 number = word & FL_FLOW_MEMBER_MASK;
  const struct fl_member* const member = fl_member_of(w, number);
  if (member && member->vip != w->vip) return FL_FOREIGN;
  if (!member || (member->state != FL_MEMBER_ACTIVE && member->state != FL_MEMBER_DRAINING)) {
    w->retried = member != 0;
    fl_erase(w, at, FL_EVENT_REROUTED);
    return FL_RELEASED;
  }
  struct fl_backend_counters* const backend = fl_backend(w->page, member->backend);
  if (!backend) return FL_FOREIGN;
  const __u16 now = fl_tick(w->now);
  const __u16 idle = fl_flow_idle(now, b->seen[i]);
  const __u32 state = fl_state_of(word);
  const int expired = idle > fl_idle_limit(w, word);
  const int says = fl_what_it_says(w->tcp_flags);
  struct fl_fate fate = {FL_FLOW_CONFIRMED, FL_EVENT_REUSED, 1};
  if (w->protocol == IPPROTO_UDP) {
    const int named = w->named != FL_NO_MEMBER;
    // A connection id counts more than the flow.
    if (expired || (named && w->named != number))
      fate.state = 0;
    else if (w->piece && state == FL_FLOW_ADOPTED && !named)
      fate.state = state;  // a copy stays one: the flow counts where its whole packets come
    if (named && w->named == number) FL_ADD(w->page, quic_named, 1);
  } else if (state == FL_FLOW_NEW) {
    fate = fl_tcp_on_new(w, backend, says);
  } else if (state == FL_FLOW_CONFIRMED) {
    fate = fl_tcp_on_confirmed(says, expired);
  } else {
    fate = fl_tcp_on_others(state, says, idle);
  }
  if (!fate.state) {
    fl_erase(w, at, fate.event);
    return FL_RELEASED;
  }
  const __u32 next = fl_with_state(word, fate.state);
  if (fl_is_open(word) && !fl_is_open(next) && backend->in_flight) backend->in_flight--;
  if (!fl_is_open(word) && fl_is_open(next)) backend->in_flight++;
  if (next != word) b->entry[i] = next;
  const __u16 step = fate.state == FL_FLOW_CONFIRMED ? FL_SEEN_STEP : 1;
  if (fate.seen && fl_flow_is_due(now, b->seen[i], step)) b->seen[i] = now;
  // Perhaps adopted in mid-life: its backend is a guess, and stays one.
  w->seeking = !fl_is_open(next);
  w->member = number;
  return FL_KEPT;
}

#endif
