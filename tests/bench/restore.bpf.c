// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
// In front of a program under test: makes the frame anew and calls it. BPF_PROG_TEST_RUN with
// `repeat` hands the same frame to every run, as the last one left it; without this, all runs but
// the first would be of an encapsulated packet to nobody.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define FL_FRAME_BYTES 128

/// An Ethernet, IPv4, TCP or UDP frame of `bytes` bytes whose source address is base + flow.
struct fl_restore {
  __u32 bytes;
  __u32 flow_mask; /* flows - 1, a power of two */
  __u32 next;      /* counts runs */
  __u32 base;      /* first source address, host order */
  __u32 sum;       /* of the IP header without source and checksum, as host-order 16-bit words */
  __u32 step;      /* odd: the order in which flows come */
  __u8 frame[FL_FRAME_BYTES];
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct fl_restore);
} fl_restore_map SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} fl_next_program SEC(".maps");

SEC("xdp")
int fl_restore_frame(struct xdp_md* ctx) {
  const __u32 first = 0;
  struct fl_restore* const r = bpf_map_lookup_elem(&fl_restore_map, &first);
  if (!r) return XDP_ABORTED;
  const int grown = (int)(ctx->data_end - ctx->data) - (int)r->bytes;
  if (grown && bpf_xdp_adjust_head(ctx, grown)) return XDP_ABORTED;
  void* const data = (void*)(long)ctx->data;
  void* const data_end = (void*)(long)ctx->data_end;
  if (data + 64 > data_end) return XDP_ABORTED;
  __u64* const to = data;
  const __u64* const from = (const __u64*)r->frame;
#pragma unroll
  for (int i = 0; i < 8; i++) to[i] = from[i];
  const __u32 flow = (r->next++ * r->step) & r->flow_mask;
  const __u32 source = r->base + flow;
  __u32 sum = r->sum + (source >> 16) + (source & 0xffff);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  *(__u32*)(data + 26) = __builtin_bswap32(source);
  *(__u16*)(data + 24) = __builtin_bswap16((__u16)~sum);
  bpf_tail_call(ctx, &fl_next_program, 0);
  return XDP_ABORTED;
}

/// The floors: what any program that sends a frame back, or lets it go, costs.
SEC("xdp")
int fl_send_back(struct xdp_md* ctx) {
  (void)ctx;
  return XDP_TX;
}

SEC("xdp")
int fl_let_go(struct xdp_md* ctx) {
  (void)ctx;
  return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
