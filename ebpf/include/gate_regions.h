/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// The node's regions as the gate sees them: arrays of 64-byte lines (steer/abi.h), one lookup a
/// line.
///
/// A lookup of a constant-size array is inlined by the kernel: a bound check and an addition. The
/// loader puts the regions' own maps in place of the empty ones declared here; without regions
/// every lookup fails, and the gate only redirects.
#ifndef FAIRLEAD_EBPF_GATE_REGIONS_H
#define FAIRLEAD_EBPF_GATE_REGIONS_H

#include <stdint.h>

/// What the gate must be told: fl_gate_settings, one value. A MAC is its 6 bytes as read from a
/// frame, in the low bytes of a word; 0: not known (`own`: any).
struct fl_gate_settings {
  uint64_t own;
  uint64_t gateway4;
  uint64_t gateway6;
  uint32_t mtu;         /* largest IP packet that the interface sends */
  uint32_t tx_ifindex;  /* send by redirect to this interface; 0: XDP_TX */
  uint32_t bank_lines;  /* of `steering`; 0: no regions */
  uint32_t bucket_mask; /* of each flows.N */
};

/// The meters (path/new_flow_meter.hh) of a queue.
enum fl_gate_meter_kind {
  FL_METER_NEW_FLOWS,
  FL_METER_ADOPTIONS,
  FL_METER_LONG_LISTS,
  FL_GATE_METERS
};

#ifdef __bpf__
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "dataplane/steer/abi.h"
#include "ebpf/include/worker_lines.h"

struct fl_line_map fl_steering SEC(".maps");
struct fl_line_map fl_score_lines SEC(".maps");

/// By queue: the flow table of its worker.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, FL_MAX_WORKERS);
  __uint(key_size, sizeof(__u32));
  __array(values, struct fl_line_map);
} fl_flow_tables SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct fl_gate_settings);
} fl_gate_settings SEC(".maps");

/// MACs of backends for L2 direct return, by backend number.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, FL_MAX_BACKENDS);
  __type(key, __u32);
  __type(value, __u64);
} fl_gate_macs SEC(".maps");

enum { FL_METERS_OF_ALL_QUEUES = FL_GATE_METERS * FL_MAX_WORKERS };
struct fl_gate_meter {
  __s64 credit;
  __u64 updated;
  __u64 flooded;
};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, FL_METERS_OF_ALL_QUEUES);
  __type(key, __u32);
  __type(value, struct fl_gate_meter);
} fl_gate_meters SEC(".maps");

static __always_inline const struct fl_gate_settings* fl_settings(void) {
  return fl_line(&fl_gate_settings, 0);
}

/// A 64-bit counter of the page, by its offset from the page's start; null without regions.
static __always_inline __u64* fl_counter(__u32 page, __u32 offset) {
  __u64* line = fl_line(&fl_worker_lines, page + offset / FL_LINE_BYTES);
  if (!line) return 0;
  FL_KEEP(line);
  return line + (offset / 8) % 8;
}
#define FL_ADD(page, field, by)                                                   \
  do {                                                                            \
    __u64* const fl_n = fl_counter(page, offsetof(struct fl_worker_page, field)); \
    if (fl_n) *fl_n += (by);                                                      \
  } while (0)

/// Null beyond the page's last backend: `backend` comes from a bank, which may be written anew
/// while a packet that was held up reads it (gate_table.h).
static __always_inline struct fl_backend_counters* fl_backend(__u32 page, __u32 backend) {
  if (backend >= FL_MAX_BACKENDS) return 0;
  return fl_line(&fl_worker_lines, page + FL_PAGE_LINE(backends) + backend);
}
#endif

#endif
