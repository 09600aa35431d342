/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// Flows that come by another queue than before (path/inherit.cc) for the gate: the kernel spreads
/// by what it likes, a veth by the CPU of whoever sends, and queues change workers.
///
/// The other worker's entry stays: its page has another lock. Until it idles out, the flow is twice
/// in its backend's count.
#ifndef FAIRLEAD_EBPF_GATE_INHERIT_H
#define FAIRLEAD_EBPF_GATE_INHERIT_H

#include "ebpf/include/gate_flow.h"

/// Enters the flow as another worker's table has it, before the state machine sees the packet: a
/// forged SYN moves nothing, a half-open flow completes where it began. Returns the position of the
/// entry; FL_NO_POSITION: nobody knows the flow, or (w->elsewhere) its entry stays where it is:
/// there is no room here, or it is to be forgotten.
__attribute__((noinline)) __u32 fl_inherit(struct fl_work* w) {
  if (!w) return FL_NO_POSITION;
  __u64 best = 0;
  for (__u32 worker = 0; worker < FL_MAX_WORKERS; worker++) {
    if (!fl_bucket_of(worker, 0)) break;  // there are no more
    if (worker == w->worker) continue;
    const __u64 known = fl_known_by(w, worker);
    // The youngest: an older one was left behind by an earlier change.
    if (known && (!best || known >> FL_KNOWN_IDLE_SHIFT < best >> FL_KNOWN_IDLE_SHIFT))
      best = known;
  }
  const __u32 word = (__u32)best;
  if (!word) return FL_NO_POSITION;
  const __u32 state = fl_state_of(word);
  const struct fl_member* const member = fl_member_of(w, word & FL_FLOW_MEMBER_MASK);
  if (!member) return FL_NO_POSITION;
  w->member = word & FL_FLOW_MEMBER_MASK;
  const int stays = (word & FL_KNOWN_TO_BE_FORGOTTEN) != 0;
  if (stays || !fl_enter(w, state, state == FL_FLOW_CONFIRMED)) {
    // As the state machine has it: a SYN on a flow that is not open is a new connection.
    if (w->protocol == IPPROTO_TCP && fl_is_plain_syn(w->tcp_flags) && !fl_is_open(word))
      return FL_NO_POSITION;
    w->elsewhere = member->state == FL_MEMBER_ACTIVE || member->state == FL_MEMBER_DRAINING;
    w->seeking = !fl_is_open(word);
    return FL_NO_POSITION;
  }
  struct fl_backend_counters* const b = fl_backend(w->page, member->backend);
  if (b && fl_is_open(word)) b->in_flight++;
  return fl_find_flow(w, w->worker);
}

#endif
