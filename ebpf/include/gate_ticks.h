/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// The flow table's time (steer/flow_layout.h) for the gate.
#ifndef FAIRLEAD_EBPF_GATE_TICKS_H
#define FAIRLEAD_EBPF_GATE_TICKS_H

#include "ebpf/include/gate_choose.h"

#define FL_LONGEST_TICKS 65000u

static __always_inline __u16 fl_tick(__u64 now) {
  return (__u16)(now / FL_FLOW_TICK_NS);
}
static __always_inline __u16 fl_ticks(__u32 milliseconds) {
  const __u32 per_tick = (__u32)(FL_FLOW_TICK_NS / 1000000u);
  const __u32 up = milliseconds / per_tick + (milliseconds % per_tick ? 1 : 0);
  return (__u16)(up < 1 ? 1 : up > FL_LONGEST_TICKS ? FL_LONGEST_TICKS : up);
}

/// The same of a confirmed flow's time-out: with what its `seen` may be late.
static __always_inline __u16 fl_ticks_confirmed(__u32 milliseconds) {
  return (__u16)(fl_ticks(milliseconds) + FL_SEEN_STEP - 1);
}

#endif
