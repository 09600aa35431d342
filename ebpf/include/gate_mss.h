/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// The MSS options of SYNs (net/mss.hh, path/mss_clamp.cc) for the gate.
#ifndef FAIRLEAD_EBPF_GATE_MSS_H
#define FAIRLEAD_EBPF_GATE_MSS_H

#include "dataplane/steer/reserves.h"
#include "ebpf/include/gate_outer.h"

#define FL_LEAST_MSS 216u
#define FL_TCP_OPTIONS 40u

/// Bytes that outer headers may take with the longest hop list that is told (path/outer_room.hh).
static __always_inline __u32 fl_outer_room(const struct fl_work* w) {
  if (w->encapsulation == FL_ENCAP_L2) return 0;
  const __u32 hops = fl_most_hops(w->choices, w->encapsulation, w->protocol, w->outer_family);
  return fl_outer_bytes((__u8)w->outer_family, w->encapsulation, hops);
}

/// What is left of the MTU for the packet inside; VLAN tags count (path/outer_room.hh).
static __always_inline __u32
fl_told_mtu(const struct fl_work* w, const struct fl_packet* p, __u32 mtu) {
  const __u32 taken = fl_outer_room(w) + p->l3 - sizeof(struct ethhdr);
  return mtu > taken ? mtu - taken : 0;
}

/// Lowers every MSS among a SYN's options that is larger than `most`, up to where they make no
/// sense; o->change says what that does to the checksum.
__attribute__((noinline)) int fl_lower_mss(struct fl_tcp_options* o, __u32 bytes, __u32 most) {
  if (!o) return 0;
  __u32 at = 0;
  for (__u32 step = 0; step < FL_TCP_OPTIONS; step++) {
    if (at >= bytes || at >= FL_TCP_OPTIONS - 1) return 0;
    const __u32 kind = o->byte[at & 63];
    if (!kind) return 0;
    if (kind == 1) {
      at++;
      continue;
    }
    const __u32 length = o->byte[(at + 1) & 63];
    if (at + 1 >= bytes || length < 2 || at + length > bytes) return 0;
    const __u32 offered = (__u32)o->byte[(at + 2) & 63] << 8 | o->byte[(at + 3) & 63];
    if (kind == 2 && length == 4 && offered > most) {
      o->byte[(at + 2) & 63] = (__u8)(most >> 8);
      o->byte[(at + 3) & 63] = (__u8)most;
      // At an odd place the two bytes lie in two words of the sum: swapped, their weights are
      // right.
      const __u16 before = at % 2 ? (__u16)offered : bpf_htons((__u16)offered);
      const __u16 after = at % 2 ? (__u16)most : bpf_htons((__u16)most);
      o->change += (__u32)(__u16)~before + after;
    }
    at += length;
  }
  return 0;
}

/// Lowers what a SYN offers as MSS to what the vip allows. 1: something was changed.
__attribute__((noinline)) int fl_clamp_mss(
    struct xdp_md* ctx, const struct fl_packet* p, const struct fl_work* w, __u32 mtu
) {
  if (!p || !w) return 0;
  const struct fl_vip* const vip = fl_line(&fl_steering, w->vip_line);
  if (!vip || !vip->mss || p->l4 > FL_MAX_OFFSET) return 0;
  __u32 most = vip->mss;
  if (most == FL_MSS_AUTO) {
    const __u32 ip = p->family == 6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
    const __u32 left = fl_told_mtu(w, p, mtu);
    const __u32 headers = ip + sizeof(struct tcphdr);
    most = left > headers + FL_LEAST_MSS ? left - headers : FL_LEAST_MSS;
  }
  void* const data = (void*)(long)ctx->data;
  void* const data_end = (void*)(long)ctx->data_end;
  struct tcphdr* const tcp = data + fl_bounded(p->l4);
  if ((void*)(tcp + 1) > data_end) return 0;
  const __u32 bytes = tcp->doff * 4u - (__u32)sizeof *tcp;
  struct fl_tcp_options options = {};
  if (bytes < 4 || bytes > FL_TCP_OPTIONS) return 0;
  __u32 behind_first = bytes - 4;  // in a form whose bounds Linux 6.1 keeps
  FL_KEEP(behind_first);
  if (behind_first > FL_TCP_OPTIONS - 4) return 0;
  if (bpf_xdp_load_bytes(ctx, p->l4 + sizeof *tcp, options.byte, behind_first + 4)) return 0;
  fl_lower_mss(&options, bytes, most);
  if (!options.change) return 0;
  if (bpf_xdp_store_bytes(ctx, p->l4 + sizeof *tcp, options.byte, behind_first + 4)) return 0;
  tcp->check = (__u16)~fl_fold((__u16)~tcp->check + options.change);
  return 1;
}

#endif
