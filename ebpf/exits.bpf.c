// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
// Tells the gate that a worker's thread has ended, at once: its heartbeat becomes 0.
//
// Without it the gate learns of a killed data plane when the kernel closes its sockets, which it
// does after it has taken the memory apart: 4 to 12 ms of packets go into a socket that nobody
// reads. This runs in the thread that ends, after its last instruction, so nobody writes the page
// any more. Every thread of the machine passes here: one that is none of ours costs one look at
// each worker.
#include <stddef.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "dataplane/steer/handover.h"
#include "ebpf/include/worker_lines.h"

/// The pid namespace in which pages are signed (stat of /proc/self/ns/pid); written before loading.
const volatile __u64 fl_pid_namespace_device = 0;
const volatile __u64 fl_pid_namespace_inode = 0;

SEC("raw_tp/sched_process_exit")
int fl_note_exit(void* ctx) {
  (void)ctx;
  struct bpf_pidns_info ending = {};
  const __u64 device = fl_pid_namespace_device;
  if (bpf_get_ns_current_pid_tgid(device, fl_pid_namespace_inode, &ending, sizeof ending)) return 0;
  const __u32* const header =
      fl_line(&fl_worker_lines, offsetof(struct fl_workers, workers_running) / FL_LINE_BYTES);
  if (!header) return 0;
  const __u32 running = header[FL_IN_LINE(struct fl_workers, workers_running) / sizeof(__u32)];
  for (__u32 w = 0; w < FL_MAX_WORKERS; w++) {
    if (w >= running) break;
    const __u32 page = FL_FIRST_PAGE + w * FL_PAGE_LINES;
    struct fl_sign* const sign = fl_line(&fl_worker_lines, page + FL_SIGN_OFFSET / FL_LINE_BYTES);
    const __u32* const thread = fl_line(&fl_worker_lines, page + FL_THREAD_OFFSET / FL_LINE_BYTES);
    if (!sign || !thread) return 0;
    if (thread[FL_THREAD_OFFSET % FL_LINE_BYTES / sizeof(__u32)] != ending.pid) continue;
    const __u64 space = ((const __u64*)thread)[FL_NAMESPACE_OFFSET % FL_LINE_BYTES / sizeof(__u64)];
    if (space && space != fl_pid_namespace_inode) continue;
    *(volatile __u64*)&sign->heartbeat_ns = 0;
  }
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
