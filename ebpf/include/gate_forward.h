/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// From a packet and its backend to the frame that is sent (path/mss_clamp.cc, path/encap.cc,
/// path/amend.cc) for the gate.
#ifndef FAIRLEAD_EBPF_GATE_FORWARD_H
#define FAIRLEAD_EBPF_GATE_FORWARD_H

#include "ebpf/include/gate_amend.h"
#include "ebpf/include/gate_mss.h"
#include "ebpf/include/gate_outer.h"
#include "ebpf/include/gate_seek.h"

/// Is it wanted that outer headers are changed?
static __always_inline int fl_is_to_be_amended(const struct fl_work* w) {
  const __u8* line = fl_line(&fl_steering, w->bank + 3);
  if (!line) return 0;
  FL_KEEP(line);
  return !fl_outer_is_usual(line);
}

/// Writes the frame to be sent; returns an enum fl_reason.
__attribute__((noinline)) int fl_forward(
    struct xdp_md* ctx, const struct fl_packet* p, struct fl_work* w
) {
  if (!p || !w) return FL_REASON_NO_BACKEND;
  const struct fl_gate_settings* const settings = fl_settings();
  const struct fl_member* const member = fl_member_of(w, w->member);
  if (!settings || !member) return FL_REASON_NO_BACKEND;
  w->outer_family = member->family;
  if ((p->tcp_flags & FL_TCP_SYN) && fl_clamp_mss(ctx, p, w, settings->mtu) && !w->stateless)
    FL_ADD(w->page, mss_clamped, 1);
  if (w->encapsulation == FL_ENCAP_L2) return fl_forward_l2(ctx, settings, p, member);

  const __u32 sized = p->ip_bytes + p->l3 - sizeof(struct ethhdr);  // VLAN tags count
  if (w->seeking && w->encapsulation == FL_ENCAP_GUE) fl_find_hops(w, sized, settings->mtu);
  struct fl_outer o = {};
  o.family = member->family;
  o.bytes = fl_outer_bytes(o.family, w->encapsulation, w->hop_count);
  o.own = settings->own;
  o.next_hop = o.family == 6 ? settings->gateway6 : settings->gateway4;
  __builtin_memcpy(o.destination, member->address, 16);
  if (sized + o.bytes > settings->mtu) return FL_REASON_TOO_BIG;
  if (!fl_outer_source(w, &o)) return FL_REASON_NO_SOURCE_ADDRESS;
  if (!o.next_hop) return FL_REASON_NO_NEXT_HOP;
  // The stated length counts: Ethernet padding behind the inner packet is cut off.
  const __u32 padding = p->frame_bytes - p->l3 - p->ip_bytes;
  if (padding && bpf_xdp_adjust_tail(ctx, -(int)padding)) return FL_REASON_TRUNCATED_IP;
  if (fl_decrement_ttl(ctx, p)) return FL_REASON_TRUNCATED_IP;
  if (bpf_xdp_adjust_head(ctx, -(int)o.bytes)) return FL_REASON_NO_HEADROOM;
  w->outer_bytes = o.bytes;
  if (fl_write_frame(ctx, &o, p) || fl_write_tunnel(ctx, &o, p, w)) return FL_REASON_NO_HEADROOM;
  if (w->hop_count) {
    const __u32 list = p->l3 + (o.family == 6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) +
                       sizeof(struct udphdr) + FL_GUE_BASE_BYTES + FL_GUE_PRIVATE_BYTES;
    if (fl_write_hops(ctx, w, list)) return FL_REASON_NO_HEADROOM;
    if (!w->stateless) FL_ADD(w->page, hop_lists, 1);
  }
  if (fl_is_to_be_amended(w)) fl_amend(ctx, p, w);
  return FL_REASON_NONE;
}

#endif
