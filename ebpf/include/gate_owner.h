/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// Whose turn it is: the data plane's or the gate's (docs/takeover.md has the state machine).
///
/// The one word `owner` says who may write a worker's page and flow table. The data plane claims a
/// queue and gives it back; the gate takes it when the queue's socket is gone or the heartbeat
/// stale. `lock` is held for each packet that the gate handles and while the owner changes, so
/// there is one writer at any moment.
#ifndef FAIRLEAD_EBPF_GATE_OWNER_H
#define FAIRLEAD_EBPF_GATE_OWNER_H

#include "dataplane/steer/handover.h"
#include "ebpf/include/gate_regions.h"

#define FL_LOCK_TRIES 64

#define FL_VOLATILE(word) (*(volatile __typeof__(word)*)&(word))

/// Does the data plane live and have a socket on the queue? (A heartbeat of 0 is an old one.)
static __always_inline int fl_data_plane_serves(struct fl_sign* sign, int has_socket, __u64 now) {
  return has_socket &&
         (__s64)(now - FL_VOLATILE(sign->heartbeat_ns)) < (__s64)FL_HEARTBEAT_STALE_NS;
}

enum fl_turn {
  FL_TURN_GATE,      /* the gate owns the queue and holds the lock */
  FL_TURN_STATELESS, /* somebody else holds it: forward without writing flows or counters */
  FL_TURN_DATAPLANE, /* to the socket */
};

/// Asked for a packet of a vip. After FL_TURN_GATE call fl_end_turn().
static __always_inline enum fl_turn fl_begin_turn(struct fl_sign* sign, int has_socket, __u64 now) {
  const int serves = fl_data_plane_serves(sign, has_socket, now);
  if (FL_VOLATILE(sign->owner) == FL_OWNER_DATAPLANE && serves) return FL_TURN_DATAPLANE;
  int tries = 0;
  for (; tries < FL_LOCK_TRIES; tries++) {
    const __u32 before = __sync_val_compare_and_swap(&sign->lock, FL_LOCK_FREE, FL_LOCK_GATE);
    if (before == FL_LOCK_FREE) break;
    // A data plane that died or hangs with the lock in hand does not stop the gate.
    if (before == FL_LOCK_DATAPLANE && !serves &&
        __sync_val_compare_and_swap(&sign->lock, FL_LOCK_DATAPLANE, FL_LOCK_GATE) == before)
      break;
  }
  if (tries == FL_LOCK_TRIES) return FL_TURN_STATELESS;
  if (FL_VOLATILE(sign->owner) == FL_OWNER_DATAPLANE) {
    if (serves) {  // claimed just now
      FL_VOLATILE(sign->lock) = FL_LOCK_FREE;
      return FL_TURN_DATAPLANE;
    }
    FL_VOLATILE(sign->owner) = FL_OWNER_GATE;
    sign->gate_since_ns = now;
    if (has_socket && FL_VOLATILE(sign->heartbeat_ns))
      sign->takeovers_stale++;
    else
      sign->takeovers_gone++;
  }
  return FL_TURN_GATE;
}

static __always_inline void fl_end_turn(struct fl_sign* sign) {
  FL_VOLATILE(sign->lock) = FL_LOCK_FREE;
}

#endif
