// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
// The gate on a node's interface: vip traffic to the data plane's AF_XDP socket, the rest to the
// kernel. When the data plane is gone or hangs, it forwards by itself, with the same flows, tables
// and rules, from the same memory (docs/takeover.md).
//
// Three names are libxdp's, not ours: when DPDK's net_af_xdp makes its socket, libxdp takes over a
// program that is already attached if it is called xsk_def_prog and carries xsk_prog_version, and
// puts the socket into its map xsks_map. So the data plane needs no bpffs, no path and no BPF
// object.
#include <stddef.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "ebpf/include/counters.h"
#include "ebpf/include/gate_answer.h"
#include "ebpf/include/gate_fast.h"
#include "ebpf/include/gate_forward.h"
#include "ebpf/include/gate_fragments.h"
#include "ebpf/include/gate_icmp.h"
#include "ebpf/include/gate_owner.h"
#include "ebpf/include/packet.h"
#include "ebpf/include/vip_match.h"

/// An AF_XDP socket gets frames before the kernel's own MAC filter: on a segment that floods, two
/// nodes would forward the same packet.
static __always_inline int for_another_host(
    const struct fl_gate_settings* settings, const __u8* frame
) {
  if (!settings || !settings->own) return 0;
  const __u64 theirs = (__u64) * (const __u32*)frame | (__u64) * (const __u16*)(frame + 4) << 32;
  return theirs != settings->own;
}

/// FL_VIP_SERVED and what else the configuration says of the packet's destination; 0: it is no
/// vip's. `whole`: by port, before the first generation; else by address: something is wrong with
/// the packet, or it has no ports. (One function for both: the stack is short, see README.md.)
static __always_inline int configured_vip(const struct fl_packet* p, int whole) {
  if (!p->family) return 0;
  struct fl_destination to = {
      .port = whole ? (__u16)(p->ports >> 16) : 0,
      .family = p->family,
      .protocol = whole ? p->protocol : FL_VIP_KEY_ADDRESS};
  __builtin_memcpy(to.address, p->destination, sizeof to.address);
  return fl_is_vip(&to);
}

/// The books of a packet that the gate handled. A global function: its caller has little stack
/// left.
__attribute__((noinline)) int account(
    const struct fl_work* w, const struct fl_packet* p, int reason, int answered
) {
  if (!w || !p) return 0;
  __u64* const totals = fl_counter(w->page, offsetof(struct fl_worker_page, rx_packets));
  if (!totals) return 0;
  totals[0]++;
  totals[1] += p->frame_bytes;
  if (answered) {
    FL_ADD(w->page, answered, 1);
    FL_ADD(w->page, answers[(__u32)reason % FL_MAX_DROP_REASONS], 1);
  } else if (reason) {
    FL_ADD(w->page, drops[(__u32)reason % FL_MAX_DROP_REASONS], 1);
  } else {
    totals[2]++;
    // A tunnel carries no padding.
    totals[3] += w->outer_bytes ? p->l3 + w->outer_bytes + p->ip_bytes : p->frame_bytes;
  }
  if (!w->vip_line) return 0;  // no vip known
  struct fl_vip_counters* const vip = fl_line(
      &fl_worker_lines,
      w->page + FL_PAGE_LINE(vips) + w->vip * (sizeof(struct fl_vip_counters) / FL_LINE_BYTES)
  );
  if (!vip) return 0;
  if (reason) {
    vip->dropped++;
    return 0;
  }
  vip->packets++;
  vip->bytes += p->ip_bytes;
  const struct fl_member* const member = fl_member_of(w, w->member);
  struct fl_backend_counters* const b = member ? fl_backend(w->page, member->backend) : 0;
  if (!b) return 0;
  b->packets++;
  b->bytes += p->ip_bytes;
  return 0;
}

/// Answers a packet that cannot be forwarded, if its sender may be told. 0: it became the answer;
/// else why it is dropped.
static __always_inline int answer(
    struct xdp_md* ctx, const struct fl_work* w, const struct fl_packet* p, int reason
) {
  if (reason == FL_REASON_TOO_BIG) return fl_tell_too_big(ctx, p, w);
  if (reason == FL_REASON_ECHO) return fl_reply_to_echo(ctx, p, w);
  return reason;
}

/// The backend of a packet that nothing is wrong with: sets w->member; returns an enum fl_reason.
static __always_inline int choose(
    struct xdp_md* ctx, struct fl_work* w, struct fl_packet* p, __u32 vip_line
) {
  if (!w->bank) return FL_REASON_NO_TABLE;
  if (p->piece == FL_LATER_FRAGMENT) return fl_place_later(w, p);
  if (!prepare(w, p, vip_line)) return FL_REASON_NO_TABLE;
  const int reason = p->quoted ? choose_for_error(w) : choose_member(ctx, w, p);
  if (p->piece) fl_note_first(w, p, reason);
  return reason;
}

/// The gate's turn (or nobody's, without state): forwards or answers the packet, or drops it.
static __always_inline int handle(
    struct xdp_md* ctx, struct fl_work* w, struct fl_packet* p, __u32 vip_line, int reason
) {
  if (!reason) reason = choose(ctx, w, p, vip_line);
  if (!reason) reason = fl_forward(ctx, p, w);
  if (reason && p->piece == FL_FIRST_FRAGMENT) fl_note_refused(w);
  int answered = 0;
  if (reason == FL_REASON_TOO_BIG || reason == FL_REASON_ECHO) {
    const int left = answer(ctx, w, p, reason);
    answered = !left;
    if (left) reason = left;
  }
  if (!w->stateless) account(w, p, reason, answered);
  if (answered) return count(FL_GATE_ANSWERED, transmit(fl_settings()));
  if (reason) return count(FL_GATE_DROPPED, XDP_DROP);
  return count(w->stateless ? FL_GATE_STATELESS : FL_GATE_FORWARDED, transmit(fl_settings()));
}

/// What a CPU knows of the packet that it has on the long way. Not on the stack, of which the
/// kernel gives a chain of calls 512 bytes.
struct fl_scratch {
  struct fl_packet packet;
  struct fl_work work;
};
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct fl_scratch);
} fl_gate_scratch SEC(".maps");

/// A packet of a vip: to whoever owns the queue. What is the kernel's never comes here: the data
/// plane, whose interface the kernel owns, could only drop it.
static __always_inline int serve(
    struct xdp_md* ctx, struct fl_scratch* on, __u32 vip_line, int reason
) {
  struct fl_packet* const p = &on->packet;
  struct fl_work* const w = &on->work;
  __u32 queue = ctx->rx_queue_index;
  const int has_socket = bpf_map_lookup_elem(&xsks_map, &queue) != 0;
  w->worker = worker_of(queue);
  w->page = FL_FIRST_PAGE + w->worker * FL_PAGE_LINES;
  struct fl_sign* const sign =
      w->worker < FL_MAX_WORKERS ? fl_line(&fl_worker_lines, w->page + 1) : 0;
  enum fl_turn turn = FL_TURN_DATAPLANE;
  if (sign) turn = fl_begin_turn(sign, has_socket, w->now);
  if (turn == FL_TURN_DATAPLANE) {
    if (!has_socket) return count(FL_GATE_NO_SOCKET, XDP_PASS);
    return count(FL_GATE_REDIRECTED, (int)bpf_redirect_map(&xsks_map, queue, XDP_PASS));
  }
  if (reason == FL_REASON_ECHO && !w->bank) { /* without a table nobody answers here */
    if (turn == FL_TURN_GATE) fl_end_turn(sign);
    return count(FL_GATE_ICMP, XDP_PASS);
  }
  w->stateless = turn != FL_TURN_GATE;
  const int verdict = handle(ctx, w, p, vip_line, reason);
  if (turn == FL_TURN_GATE) {
    sign->gate_packets++;
    fl_end_turn(sign);
  }
  return verdict;
}

static __always_inline void begin_work(struct fl_work* w, __u32 bank) {
  __builtin_memset(w, 0, sizeof *w);
  w->bank = bank;
  w->now = bpf_ktime_get_coarse_ns();
}

/// What counts a packet that is the kernel's, by what its parser said.
static __always_inline int leave_to_kernel(int reason) {
  switch (reason) {
    case FL_REASON_NOT_IP:
      return count(FL_GATE_NOT_IP, XDP_PASS);
    case FL_REASON_TRUNCATED_ETHERNET:
    case FL_REASON_TRUNCATED_IP:
      return count(FL_GATE_TRUNCATED, XDP_PASS);
    case FL_REASON_BAD_IP_VERSION:
    case FL_REASON_BAD_IP_HEADER:
    case FL_REASON_BAD_IP_CHECKSUM:
      return count(FL_GATE_BAD_HEADER, XDP_PASS);
    case FL_REASON_ICMP:
    case FL_REASON_ECHO:
      return count(FL_GATE_ICMP, XDP_PASS);
    default:
      return count(FL_GATE_NO_VIP, XDP_PASS);
  }
}

/// All rules.
__attribute__((noinline)) int fl_go_the_long_way(struct xdp_md* ctx) {
  void* const data = (void*)(long)ctx->data;
  void* const data_end = (void*)(long)ctx->data_end;
  if (data + sizeof(struct ethhdr) > data_end) return count(FL_GATE_TRUNCATED, XDP_PASS);
  if (*(__u8*)data & 1) return count(FL_GATE_MULTICAST, XDP_PASS);
  if (for_another_host(fl_settings(), data)) return count(FL_GATE_OTHER_HOST, XDP_PASS);

  struct fl_scratch* const on = fl_line(&fl_gate_scratch, 0);
  if (!on) return XDP_PASS;
  struct fl_packet* const p = &on->packet;
  const __u32 bank = fl_bank_in_force();
  int reason = fl_parse_packet(ctx, p);
  if (reason == FL_REASON_ICMP) reason = fl_read_icmp(ctx, p);
  __u32 vip_line = 0;
  if (!reason && bank && p->piece != FL_LATER_FRAGMENT) vip_line = fl_find_vip(bank, p);
  if (vip_line && p->family == 4 && !p->quoted && !p->piece) fl_remember_vip(bank, vip_line, p);
  if (!vip_line) {
    if (!reason && p->quoted) reason = FL_REASON_ICMP;
    const int whole = !reason && !p->piece;
    const int unasked = reason == FL_REASON_ICMP || (whole && bank);
    const int vip = unasked ? 0 : configured_vip(p, whole);
    if (reason == FL_REASON_ECHO && (vip & FL_VIP_KERNEL_ECHOES)) reason = FL_REASON_ICMP;
    if (!vip || reason == FL_REASON_ICMP) return leave_to_kernel(reason);
  }
  begin_work(&on->work, bank);
  if (!reason && bank && p->piece && fl_is_kernels_piece(&on->work, p, vip_line))
    return leave_to_kernel(reason);
  return serve(ctx, on, vip_line, reason);
}

SEC("xdp")
int xsk_def_prog(struct xdp_md* ctx) {
  const int verdict = fl_go_the_short_way(ctx);
  return verdict != FL_TAKE_THE_LONG_WAY ? verdict : fl_go_the_long_way(ctx);
}

// What libxdp looks for: a program that manages xsks_map by the rules of version 1.
__uint(xsk_prog_version, 1) SEC("xdp_metadata");

char LICENSE[] SEC("license") = "Dual BSD/GPL";
