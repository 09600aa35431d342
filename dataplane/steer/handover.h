/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// Which plane forwards a queue's packets, data plane or XDP gate: words of a worker's page and of
/// the region's second line that steer/abi.h reserves. docs/takeover.md has the state machine.
#ifndef FAIRLEAD_STEER_HANDOVER_H
#define FAIRLEAD_STEER_HANDOVER_H

#include <stddef.h>

#include "dataplane/steer/abi.h"

/// The data plane claims a queue and gives it back; the gate takes it when the socket is gone or
/// the heartbeat stale. The owner alone writes the worker's page and flow table.
enum fl_owner { FL_OWNER_GATE = 0, FL_OWNER_DATAPLANE = 1 };
/// FL_LOCK_TOOL: a tool changes the table at rest (control/api/flow_flush.hh). The gate waits a
/// little and then forwards without state, as beside a data plane; whoever holds the region's
/// writer lock after a tool that was killed in here takes it over.
enum fl_lock { FL_LOCK_FREE = 0, FL_LOCK_GATE = 1, FL_LOCK_DATAPLANE = 2, FL_LOCK_TOOL = 3 };

#define FL_BEAT_NS 1000000ull              /* the heartbeat is rewritten about so often */
#define FL_HEARTBEAT_STALE_NS 100000000ull /* older: the worker hangs */

/// Line 1 of a worker's page: what the gate looks at for every packet.
struct FL_LINE_ALIGNED fl_sign {
  uint64_t heartbeat_ns; /* these as in fl_worker_page; 0: the worker's thread has ended */
  uint64_t started_ns;
  uint32_t pid;
  uint32_t core;
  uint64_t tsc_hz;
  uint32_t owner; /* enum fl_owner */
  uint32_t lock;  /* enum fl_lock: held while the gate handles a packet or the owner changes */
  uint32_t takeovers_gone;  /* times the gate took the queue from a thread that had ended */
  uint32_t takeovers_stale; /* ... because the heartbeat was stale */
  uint64_t gate_packets;    /* of rx_packets, those that the gate handled */
  uint64_t gate_since_ns;   /* begin of the gate's last ownership */
};
FL_ONE_LINE(fl_sign);
#define FL_SIGN_OFFSET (offsetof(struct fl_worker_page, heartbeat_ns))
FL_STATIC_ASSERT(
    offsetof(struct fl_worker_page, reserved1) - FL_SIGN_OFFSET == offsetof(struct fl_sign, owner),
    "the reserved words"
);
FL_STATIC_ASSERT(
    offsetof(struct fl_worker_page, rx_packets) - FL_SIGN_OFFSET == sizeof(struct fl_sign),
    "to the end of the line"
);

/// The worker's thread as the kernel numbers it (gettid()), 32 bits; 0: not known. By it
/// exits.bpf.c knows the thread whose end it sees.
#define FL_THREAD_OFFSET (offsetof(struct fl_worker_page, reserved0))
/// The pid namespace in which it has that number: the inode of /proc/self/ns/pid, 64 bits; 0: not
/// known.
#define FL_NAMESPACE_OFFSET (FL_THREAD_OFFSET + sizeof(uint64_t))

/// By receive queue of the gate's interface: 1 + the worker that serves it; 0: nobody has yet, then
/// the gate takes the worker with the queue's number. Later queues likewise.
#define FL_GATE_QUEUES 56u
#define FL_QUEUE_WORKER_OFFSET (offsetof(struct fl_workers, reserved))
FL_STATIC_ASSERT(
    FL_QUEUE_WORKER_OFFSET + FL_GATE_QUEUES == offsetof(struct fl_workers, worker),
    "the reserved bytes of the region's second line"
);

#ifdef __cplusplus
inline fl_sign* fl_sign_of(fl_worker_page* page) {
  return reinterpret_cast<fl_sign*>(&page->heartbeat_ns);
}
inline const fl_sign* fl_sign_of(const fl_worker_page* page) {
  return reinterpret_cast<const fl_sign*>(&page->heartbeat_ns);
}
inline uint32_t* fl_thread_of(fl_worker_page* page) {
  return reinterpret_cast<uint32_t*>(page->reserved0);
}
inline uint64_t* fl_namespace_of(fl_worker_page* page) {
  return &page->reserved0[1];
}
inline const uint64_t* fl_namespace_of(const fl_worker_page* page) {
  return &page->reserved0[1];
}
inline uint8_t* fl_queue_workers(fl_workers* workers) {
  return reinterpret_cast<uint8_t*>(workers->reserved);
}
#endif

#endif
