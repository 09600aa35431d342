/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// What the gate remembers of a destination, each CPU for itself: all that its short way
/// (gate_fast.h) needs of the table in force.
#ifndef FAIRLEAD_EBPF_GATE_VIP_H
#define FAIRLEAD_EBPF_GATE_VIP_H

#include <stdint.h>

#include "dataplane/steer/abi.h"

/// What is remembered of a destination (IPv4 address, port, protocol).
struct fl_gate_vip {
  uint64_t key;        /* fl_vip_memory_key() */
  uint64_t generation; /* both as in fl_current, when this was read; 0: nothing */
  uint64_t published_ns;
  uint64_t hash_key[2];
  uint64_t tick_begin_ns; /* of the tick that came last */
  uint32_t members;       /* first line of the members in `steering` */
  uint32_t member_count;
  uint32_t source;   /* outer */
  uint32_t vip;      /* number */
  uint32_t counters; /* line of the vip's counters in a worker's page */
  uint16_t tick;
  uint16_t idle_udp; /* ticks */
  uint8_t gue;
  uint8_t reserved[55];
} __attribute__((aligned(64)));
FL_STATIC_ASSERT(sizeof(struct fl_gate_vip) == 128, "two lines");

#define FL_GATE_VIPS 256u

#endif
