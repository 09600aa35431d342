// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
// The gate on a node's interface: vip traffic to the data plane's AF_XDP socket, the rest to the
// kernel.
//
// Three names are libxdp's, not ours: when DPDK's net_af_xdp makes its socket, libxdp takes over a
// program that is already attached if it is called xsk_def_prog and carries xsk_prog_version, and
// puts the socket into its map xsks_map. So the data plane needs no bpffs, no path and no BPF
// object.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "ebpf/include/counters.h"
#include "ebpf/include/parse.h"
#include "ebpf/include/vip_match.h"

#define FL_GATE_MAX_QUEUES 64

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, FL_GATE_MAX_QUEUES);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, FL_GATE_COUNTER_COUNT);
  __type(key, __u32);
  __type(value, __u64);
} fl_gate_count SEC(".maps");

/// The interface's MAC address in the low 6 bytes as read from a frame; 0: any. An AF_XDP socket
/// gets frames before the kernel's own MAC filter: on a segment that floods, two nodes would
/// forward the same packet.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} fl_gate_mac SEC(".maps");

static __always_inline int for_another_host(const __u8* frame) {
  const __u32 first = 0;
  const __u64* const ours = bpf_map_lookup_elem(&fl_gate_mac, &first);
  if (!ours || !*ours) return 0;
  const __u64 theirs = (__u64)frame[0] | (__u64)frame[1] << 8 | (__u64)frame[2] << 16 |
                       (__u64)frame[3] << 24 | (__u64)frame[4] << 32 | (__u64)frame[5] << 40;
  return theirs != *ours;
}

static __always_inline int pass(__u32 counter) {
  __u64* count = bpf_map_lookup_elem(&fl_gate_count, &counter);
  if (count) (*count)++;
  return XDP_PASS;
}

static __always_inline int redirect(__u32 queue) {
  // The last argument is the verdict when the queue has no socket (Linux 5.3).
  const long verdict = bpf_redirect_map(&xsks_map, queue, XDP_PASS);
  const __u32 counter = verdict == XDP_REDIRECT ? FL_GATE_REDIRECTED : FL_GATE_NO_SOCKET;
  pass(counter);
  return (int)verdict;
}

/// Is the packet for the data plane? Whatever names a vip is: also fragments and headers that are
/// wrong further on, so that they are dropped and counted there and never answered by the kernel.
static __always_inline int for_a_vip(struct xdp_md* ctx, const struct fl_l3* l3, int* truncated) {
  if (l3->protocol != IPPROTO_TCP && l3->protocol != IPPROTO_UDP) return 0;
  if (l3->later) return fl_goes_to_vip(l3, FL_VIP_KEY_ADDRESS, 0);
  const int port = fl_destination_port(ctx, l3);
  if (port < 0) {
    *truncated = 1;
    return 0;
  }
  return fl_goes_to_vip(l3, l3->protocol, (__u16)port);
}

SEC("xdp")
int xsk_def_prog(struct xdp_md* ctx) {
  void* data = (void*)(long)ctx->data;
  void* data_end = (void*)(long)ctx->data_end;
  struct fl_l2 l2;
  if (fl_parse_l2(data, data_end, &l2) != FL_PARSE_OK) return pass(FL_GATE_TRUNCATED);
  if (*(__u8*)data & 1) return pass(FL_GATE_MULTICAST);
  if (for_another_host(data)) return pass(FL_GATE_OTHER_HOST);

  struct fl_l3 l3 = {};
  switch (fl_parse_l3(ctx, l2.bytes, l2.type, &l3)) {
    case FL_PARSE_OK:
      break;
    case FL_PARSE_NOT_IP:
      return pass(FL_GATE_NOT_IP);
    case FL_PARSE_TRUNCATED:
      return pass(FL_GATE_TRUNCATED);
    case FL_PARSE_BAD_HEADER:
      return pass(FL_GATE_BAD_HEADER);
  }
  int truncated = 0;
  if (for_a_vip(ctx, &l3, &truncated)) return redirect(ctx->rx_queue_index);
  return pass(truncated ? FL_GATE_TRUNCATED : FL_GATE_NO_VIP);
}

// What libxdp looks for: a program that manages xsks_map by the rules of version 1.
__uint(xsk_prog_version, 1) SEC("xdp_metadata");

char LICENSE[] SEC("license") = "Dual BSD/GPL";
