/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// Flows that come by another queue than before (path/inherit.cc) for the gate: the kernel spreads
/// by what it likes, a veth by the CPU of whoever sends, and queues change workers.
///
/// The other worker's entry stays: its page has another lock. Until it idles out, the flow is twice
/// in its backend's count.
#ifndef FAIRLEAD_EBPF_GATE_INHERIT_H
#define FAIRLEAD_EBPF_GATE_INHERIT_H

#include "ebpf/include/gate_flow.h"

/// What the flow's entry in a worker's table says: its member and state, in their places; 0: there
/// is none that its owner would still use.
__attribute__((noinline)) __u32 fl_legacy_of(const struct fl_work* w, __u32 worker) {
  if (!w) return 0;
  const __u32 at = fl_find_flow(w, worker);
  if (at == FL_NO_POSITION) return 0;
  const struct fl_flow_bucket* const b = fl_bucket_of(worker, at / FL_FLOW_ENTRIES);
  if (!b) return 0;
  const __u32 word = b->entry[at % FL_FLOW_ENTRIES];
  const __u16 idle = fl_flow_idle(fl_tick(w->now), b->seen[at % FL_FLOW_ENTRIES]);
  const struct fl_member* const m = fl_member_of(w, word & FL_FLOW_MEMBER_MASK);
  if (!m || m->vip != w->vip || idle > fl_idle_limit(w, word)) return 0;
  return word & (FL_FLOW_MEMBER_MASK | FL_FLOW_STATE_MASK);
}

/// Enters the flow as another worker's table has it, before the state machine sees the packet: a
/// forged SYN moves nothing, a half-open flow completes where it began. Returns the position of the
/// entry; FL_NO_POSITION: nobody knows the flow, or (w->elsewhere) there was no room.
__attribute__((noinline)) __u32 fl_inherit(struct fl_work* w) {
  if (!w) return FL_NO_POSITION;
  __u32 word = 0;
  for (__u32 worker = 0; worker < FL_MAX_WORKERS; worker++) {
    if (!fl_bucket_of(worker, 0)) break;  // there are no more
    if (worker == w->worker) continue;
    word = fl_legacy_of(w, worker);
    if (word) break;
  }
  if (!word) return FL_NO_POSITION;
  const __u32 state = fl_state_of(word);
  const struct fl_member* const member = fl_member_of(w, word & FL_FLOW_MEMBER_MASK);
  if (!member) return FL_NO_POSITION;
  w->member = word & FL_FLOW_MEMBER_MASK;
  if (!fl_enter(w, state, state == FL_FLOW_CONFIRMED)) {
    w->elsewhere = member->state == FL_MEMBER_ACTIVE || member->state == FL_MEMBER_DRAINING;
    w->seeking = !fl_is_open(word);
    return FL_NO_POSITION;
  }
  struct fl_backend_counters* const b = fl_backend(w->page, member->backend);
  if (b && fl_is_open(word)) b->in_flight++;
  return fl_find_flow(w, w->worker);
}

#endif
