/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// A region as an array of 64-byte lines, and the one that the workers' pages lie in.
#ifndef FAIRLEAD_EBPF_WORKER_LINES_H
#define FAIRLEAD_EBPF_WORKER_LINES_H

#include <stddef.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "dataplane/steer/abi.h"

#ifndef FL_PLACEHOLDER_LINES
#define FL_PLACEHOLDER_LINES 1
#endif
struct fl_line_map {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, FL_PLACEHOLDER_LINES);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, FL_LINE_BYTES);
};
struct fl_line_map fl_worker_lines SEC(".maps");

/// Stops the compiler from moving arithmetic on a looked-up pointer before its null check, which
/// the verifier refuses.
#define FL_KEEP(variable) asm volatile("" : "+r"(variable))

static __always_inline void* fl_line(void* map, __u32 line) {
  return bpf_map_lookup_elem(map, &line);
}

/// Lines of `workers` and of a worker's page.
#define FL_PAGE_LINES ((__u32)(sizeof(struct fl_worker_page) / FL_LINE_BYTES))
#define FL_FIRST_PAGE ((__u32)(offsetof(struct fl_workers, worker) / FL_LINE_BYTES))
#define FL_PAGE_LINE(field) ((__u32)(offsetof(struct fl_worker_page, field) / FL_LINE_BYTES))
#define FL_IN_LINE(type, field) ((__u32)(offsetof(type, field) % FL_LINE_BYTES))

#endif
