/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// How often something may happen (path/new_flow_meter.hh) for the gate.
#ifndef FAIRLEAD_EBPF_GATE_METER_H
#define FAIRLEAD_EBPF_GATE_METER_H

#include "ebpf/include/gate_table.h"

/// Of a queue: own ICMP errors, echo replies.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 2 * FL_MAX_WORKERS);
  __type(key, __u32);
  __type(value, struct fl_gate_meter);
} fl_gate_icmp_meters SEC(".maps");

/// One more? `limit` a second, not 0.
static __always_inline int fl_take_credit(struct fl_gate_meter* meter, __s64 limit, __u64 now) {
  const __s64 cost = 1000000000;
  __s64 depth = limit * 100000000;
  if (depth < 32 * cost) depth = 32 * cost;
  __u64 elapsed = now - meter->updated;
  const __u64 pause = limit < 320 ? 64000000000ull : 1000000000ull;  // times the limit it fits
  if (elapsed > pause) elapsed = pause;
  __s64 credit = meter->updated ? meter->credit + (__s64)elapsed * limit : depth;
  if (credit > depth) credit = depth;
  meter->updated = now;
  if (credit >= depth / 2) meter->flooded = 0;
  if (credit <= 0) meter->flooded = 1;
  credit -= cost;
  meter->credit = credit < -depth ? -depth : credit;
  return !meter->flooded;
}

/// Flood mode (path/new_flow_meter.hh): one more of what the meter `kind`, an enum
/// fl_gate_meter_kind, counts?
static __always_inline int fl_within_limit(const struct fl_work* w, __u32 kind) {
  const __u8* const second = fl_line(&fl_steering, w->bank + 1);
  struct fl_gate_meter* const meter = fl_line(&fl_gate_meters, FL_GATE_METERS * w->worker + kind);
  if (!second || !meter) return 0;
  const __s64 limit = *(const __u32*)(second + FL_IN_LINE(struct fl_bank, new_flow_limit));
  if (!limit) return 1;
  // Without the right to write as it was left: for a moment only.
  if (w->stateless) return !meter->flooded;
  return fl_take_credit(meter, limit, w->now);
}

#endif
