/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// What flow tables know of a flow (path/known_flow.hh) for the gate: where an entry is, and what
/// another worker's says that is still believed. Nothing is written here.
#ifndef FAIRLEAD_EBPF_GATE_KNOWN_H
#define FAIRLEAD_EBPF_GATE_KNOWN_H

#include "ebpf/include/gate_choose.h"
#include "ebpf/include/gate_ticks.h"

#define FL_NO_POSITION 0xffffffffu

static __always_inline struct fl_flow_bucket* fl_bucket_of(__u32 worker, __u32 bucket) {
  void* const table = bpf_map_lookup_elem(&fl_flow_tables, &worker);
  return table ? fl_line(table, bucket + 1) : 0;
}
static __always_inline struct fl_flow_bucket* fl_bucket(const struct fl_work* w, __u32 bucket) {
  return fl_bucket_of(w->worker, bucket);
}

/// Index of the matching entry in a bucket, -1: none.
static __always_inline int fl_match(const struct fl_flow_bucket* b, __u16 tag, __u32 wanted) {
#pragma unroll
  for (int i = 0; i < (int)FL_FLOW_ENTRIES; i++) {
    if (b->tag[i] != tag) continue;
    const __u32 word = b->entry[i];
    if ((word & (FL_FLOW_EXTRA_MASK | FL_FLOW_SECOND)) == wanted && (word & FL_FLOW_STATE_MASK))
      return i;
  }
  return -1;
}

static __always_inline __u32 fl_overflow_count(const struct fl_flow_bucket* b) {
  __u32 count = 0;
#pragma unroll
  for (int i = 0; i < (int)FL_FLOW_ENTRIES; i++) count |= (b->entry[i] >> 31) << i;
  return count;
}

/// Where the flow's entry is in a worker's table: bucket * 8 + index, or FL_NO_POSITION.
static __always_inline __u32 fl_find_flow(const struct fl_work* w, __u32 worker) {
  const __u32 home = fl_flow_bucket_of(w->hash, w->bucket_mask);
  const __u16 tag = fl_flow_tag(w->hash);
  const __u32 extra = fl_flow_extra(w->hash);
  const __u32 wanted = extra << FL_FLOW_EXTRA_SHIFT;
  const struct fl_flow_bucket* b = fl_bucket_of(worker, home);
  if (!b) return FL_NO_POSITION;
  int at = fl_match(b, tag, wanted);
  if (at >= 0) return home * FL_FLOW_ENTRIES + (__u32)at;
  if (!fl_overflow_count(b)) return FL_NO_POSITION;
  const __u32 second = fl_flow_second_bucket(home, tag, extra, w->bucket_mask);
  b = fl_bucket_of(worker, second);
  if (!b) return FL_NO_POSITION;
  at = fl_match(b, tag, wanted | FL_FLOW_SECOND);
  return at >= 0 ? second * FL_FLOW_ENTRIES + (__u32)at : FL_NO_POSITION;
}

static __always_inline __u32 fl_state_of(__u32 word) {
  return (word & FL_FLOW_STATE_MASK) >> FL_FLOW_STATE_SHIFT;
}
static __always_inline int fl_is_open(__u32 word) {
  return fl_state_of(word) == FL_FLOW_NEW || fl_state_of(word) == FL_FLOW_CONFIRMED;
}

/// A global function: inlined into the loop over a bucket, its branches multiply.
__attribute__((noinline)) __u32 fl_idle_limit(const struct fl_work* w, __u32 word) {
  if (!w) return FL_LONGEST_TICKS;
  const struct fl_bank* const third = fl_line(&fl_steering, w->bank + 2);
  if (!third) return FL_LONGEST_TICKS;
  const __u8* const line = (const __u8*)third;
#define FL_MS(field) (*(const __u32*)(line + FL_IN_LINE(struct fl_bank, field)))
#define FL_LIMIT(field) fl_ticks(FL_MS(field))
  const struct fl_member* const member = fl_member_of(w, word & FL_FLOW_MEMBER_MASK);
  const __u32 state = fl_state_of(word);
  if (member && member->protocol == IPPROTO_UDP)
    return state == FL_FLOW_NEW ? FL_LIMIT(idle_udp_new_ms)
                                : fl_ticks_confirmed(FL_MS(idle_udp_ms));
  if (state == FL_FLOW_CONFIRMED) return fl_ticks_confirmed(FL_MS(idle_confirmed_ms));
  if (state == FL_FLOW_NEW) return FL_LIMIT(idle_new_ms);
  if (state == FL_FLOW_RESET) return FL_LIMIT(idle_reset_ms);
  return state == FL_FLOW_ADOPTED ? FL_LIMIT(idle_adopted_ms) : FL_LIMIT(idle_closing_ms);
#undef FL_LIMIT
#undef FL_MS
}

/// The last order that a worker has carried out (path/flow_flush.hh), by its page.
static __always_inline __u64 fl_order_carried_out_by(__u32 worker) {
  const __u64* const done = fl_counter(
      FL_FIRST_PAGE + (worker & (FL_MAX_WORKERS - 1)) * FL_PAGE_LINES,
      offsetof(struct fl_worker_page, flush_sequence)
  );
  return done ? *(const volatile __u64*)done : 0;
}

/// True if the order in force means the flow, which an entry gives to this member, and the entry's
/// owner has carried out another one so far (read before the entry): no copy is made of it, since
/// the sweep of the worker that got it may be over. An order that is being written has not begun
/// anywhere.
__attribute__((noinline)) int fl_is_to_be_forgotten(
    const struct fl_work* w, __u32 number, __u64 carried_out
) {
  if (!w) return 0;
  const struct fl_flow_order* const order =
      fl_line(&fl_steering, FL_FLOW_ORDER_OFFSET / FL_LINE_BYTES);
  const struct fl_member* const member = fl_member_of(w, number);
  if (!order || !member) return 0;
  const __u64 sequence = *(const volatile __u64*)&order->sequence;
  if (!sequence || sequence >> 63 || sequence == carried_out) return 0;
  const struct fl_flow_order now = {
      .hash = *(const volatile __u64*)&order->hash,
      .one_flow = *(const volatile __u32*)&order->one_flow,
      .vip = *(const volatile __u32*)&order->vip,
      .backend = *(const volatile __u32*)&order->backend};
  if (*(const volatile __u64*)&order->sequence != sequence) return 0;
  if (now.one_flow && now.hash != w->hash) return 0;
  return (now.vip == FL_ANY || now.vip == member->vip) &&
         (now.backend == FL_ANY || now.backend == member->backend);
}

/// What the flow's entry in a worker's table says, for whoever does not apply the packet to it
/// (path/known_flow.hh): member and state in their places, time without a packet, in ticks, from
/// FL_KNOWN_IDLE_SHIFT on, and FL_KNOWN_TO_BE_FORGOTTEN. 0: there is none that its owner would
/// still use. Changes nothing. A global function: for the loops over workers.
#define FL_KNOWN_IDLE_SHIFT 32
#define FL_KNOWN_TO_BE_FORGOTTEN (1u << 31)
__attribute__((noinline)) __u64 fl_known_by(const struct fl_work* w, __u32 worker) {
  if (!w) return 0;
  const __u64 carried_out = fl_order_carried_out_by(worker);
  const __u32 at = fl_find_flow(w, worker);
  if (at == FL_NO_POSITION) return 0;
  const struct fl_flow_bucket* const b = fl_bucket_of(worker, at / FL_FLOW_ENTRIES);
  if (!b) return 0;
  const __u32 word = b->entry[at % FL_FLOW_ENTRIES];
  const __u32 number = word & FL_FLOW_MEMBER_MASK;
  const __u16 idle = fl_flow_idle(fl_tick(w->now), b->seen[at % FL_FLOW_ENTRIES]);
  const struct fl_member* const m = fl_member_of(w, number);
  if (!m || m->vip != w->vip || idle > fl_idle_limit(w, word)) return 0;
  const __u32 forget = worker != w->worker && fl_is_to_be_forgotten(w, number, carried_out)
                           ? FL_KNOWN_TO_BE_FORGOTTEN
                           : 0;
  return (__u64)idle << FL_KNOWN_IDLE_SHIFT | forget | number | (word & FL_FLOW_STATE_MASK);
}

/// The member of what fl_known_by() says, if it serves; else FL_NO_MEMBER.
static __always_inline __u32 fl_serving_of(const struct fl_work* w, __u32 known) {
  const __u32 number = known & FL_FLOW_MEMBER_MASK;
  const struct fl_member* const m = known ? fl_member_of(w, number) : 0;
  if (!m) return FL_NO_MEMBER;
  return m->state == FL_MEMBER_ACTIVE || m->state == FL_MEMBER_DRAINING ? number : FL_NO_MEMBER;
}

/// Another worker's that has the flow open, else the first that knows it, of those whose member
/// serves: as fl_known_by() without the time; 0: nobody (path/aside.cc).
__attribute__((noinline)) __u32 fl_known_at_peers(const struct fl_work* w) {
  if (!w) return 0;
  __u32 guess = 0;
  for (__u32 worker = 0; worker < FL_MAX_WORKERS; worker++) {
    if (!fl_bucket_of(worker, 0)) break;  // there are no more
    if (worker == w->worker) continue;
    const __u32 known = (__u32)fl_known_by(w, worker);
    if (fl_serving_of(w, known) == FL_NO_MEMBER) continue;
    if (fl_is_open(known)) return known;
    if (!guess) guess = known;
  }
  return guess;
}

#endif
