/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// Fragments (path/fragments.cc) for the gate: the first one goes where its flow goes, and the
/// others follow it. A program cannot hold a packet: those that come before their first one are
/// dropped.
#ifndef FAIRLEAD_EBPF_GATE_FRAGMENTS_H
#define FAIRLEAD_EBPF_GATE_FRAGMENTS_H

#include "ebpf/include/gate_decide.h"
#include "ebpf/include/gate_first_fragment.h"

/// By datagram, of all queues: a NIC may spread first fragments by ports, the others by addresses.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, FL_GATE_DATAGRAMS);
  __type(key, __u64);
  __type(value, struct fl_gate_first);
} fl_gate_fragments SEC(".maps");

/// Names a datagram (path/fragment_table.cc, datagram_hash()).
static __always_inline __u64 fl_datagram_hash(const struct fl_work* w, const struct fl_packet* p) {
  const uint64_t* const key = fl_line(&fl_steering, w->bank + 1);
  if (!key) return 0;
  if (p->family == 4)
    return fl_flow_hash4(key, p->source[0] | p->destination[0] << 32, p->fragment_id, p->protocol);
  const uint64_t addresses[4] = {p->source[0], p->source[1], p->destination[0], p->destination[1]};
  return fl_flow_hash6(key, addresses, p->fragment_id, IPPROTO_FRAGMENT);
}

/// All fragments of a datagram get the same outer entropy, so that they arrive at one queue; and
/// they stay together: a backend could pass on the first one alone, as the others have no ports.
static __always_inline void fl_go_together(struct fl_work* w, __u64 datagram) {
  w->hash = datagram;
  w->seeking = 0;
}

/// What became of a datagram's first fragment: `reason` as of its packet. A global function, like
/// the other: only fragments pay for it.
__attribute__((noinline)) int fl_note_first(
    struct fl_work* w, const struct fl_packet* p, int reason
) {
  if (!w || !p) return 0;
  const __u64 datagram = fl_datagram_hash(w, p);
  const struct fl_gate_first first = {
      .seen_ns = w->now,
      .member = w->member,
      .port = (__u16)(p->ports >> 16),
      .protocol = p->protocol,
      .fate = reason ? FL_FIRST_DROPPED : FL_FIRST_FORWARDED};
  bpf_map_update_elem(&fl_gate_fragments, &datagram, &first, BPF_ANY);
  fl_go_together(w, datagram);
  if (reason) return 0;
  if (!w->stateless) FL_ADD(w->page, fragments_first, 1);
  __u64* const last = fl_line(&fl_gate_fragment_flow, 0);
  if (last && p->protocol == IPPROTO_UDP) *last = w->now;
  return 0;
}

/// A first fragment could not be sent: nobody could put the others together without it.
static __always_inline void fl_note_refused(const struct fl_work* w) {
  const __u64 datagram = w->hash;
  struct fl_gate_first* const first = bpf_map_lookup_elem(&fl_gate_fragments, &datagram);
  if (first) first->fate = FL_FIRST_DROPPED;
}

/// Whether a fragment to a vip's address is the kernel's, whoever's turn it is: no vip serves its
/// datagram's port. The data plane could not give it to the kernel. `vip_line`: of the first
/// fragment's vip, 0: none. A global function: only fragments pay for it.
__attribute__((noinline)) int fl_is_kernels_piece(
    struct fl_work* w, const struct fl_packet* p, __u32 vip_line
) {
  if (!w || !p) return 0;
  const __u64 datagram = fl_datagram_hash(w, p);
  struct fl_gate_first* const known = bpf_map_lookup_elem(&fl_gate_fragments, &datagram);
  if (p->piece == FL_LATER_FRAGMENT) {
    if (!known || known->fate != FL_FIRST_PUNTED) return 0;
    if (w->now > known->seen_ns + FL_GATE_DATAGRAM_LIFE_NS) return 0;
    known->seen_ns = w->now;
    return 1;
  }
  if (vip_line) {  // the identification comes round again: this datagram is another
    if (known && known->fate == FL_FIRST_PUNTED) bpf_map_delete_elem(&fl_gate_fragments, &datagram);
    return 0;
  }
  const struct fl_gate_first first = {.seen_ns = w->now, .fate = FL_FIRST_PUNTED};
  bpf_map_update_elem(&fl_gate_fragments, &datagram, &first, BPF_ANY);
  return 1;
}

/// The backend of a later fragment: sets w->member; returns an enum fl_reason.
__attribute__((noinline)) int fl_place_later(struct fl_work* w, struct fl_packet* p) {
  if (!w || !p) return FL_REASON_FRAGMENT;
  const __u64 datagram = fl_datagram_hash(w, p);
  struct fl_gate_first* const first = bpf_map_lookup_elem(&fl_gate_fragments, &datagram);
  if (!first || w->now > first->seen_ns + FL_GATE_DATAGRAM_LIFE_NS) return FL_REASON_FRAGMENT_EARLY;
  first->seen_ns = w->now;
  if (first->fate != FL_FIRST_FORWARDED) return FL_REASON_FRAGMENT;
  p->protocol = first->protocol;
  p->ports = (__u32)first->port << 16;
  const __u32 vip_line = fl_find_vip(w->bank, p);
  // A new generation between two fragments may have taken vip or backend away.
  if (!vip_line || !prepare(w, p, vip_line)) return FL_REASON_FRAGMENT;
  const struct fl_member* const member = fl_member_of(w, first->member);
  if (!member || member->vip != w->vip) return FL_REASON_FRAGMENT;
  if (member->state != FL_MEMBER_ACTIVE && member->state != FL_MEMBER_DRAINING)
    return FL_REASON_FRAGMENT;
  w->member = first->member;
  fl_go_together(w, datagram);
  if (!w->stateless) FL_ADD(w->page, fragments_later, 1);
  return FL_REASON_NONE;
}

#endif
